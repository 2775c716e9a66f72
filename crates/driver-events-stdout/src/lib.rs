//! Events of AI agents' driver loops as lines: on stdout, in a file, on any [`Write`](std::io::Write).
//!
//! [`StdoutEventSink`] and [`WriterEventSink`] are [`DriverEventSink`](driver_events_core::DriverEventSink)s. They write
//! one line an event, in one of three [`Format`]s: the bare JSON of the contract, CloudEvents 1.0, or a form for people.
//!
//! # When to use it
//! For a process whose output another one reads through a pipe, for a log file, for a terminal. A broker's crate takes
//! its place where readers come and go, or where an event must survive the machine.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use driver_events_core::DriverEventSink;
//! use driver_events_stdout::StdoutEventSink;
//! use driver_events_types::{DriverEvent, GoalId};
//!
//! # async fn example() -> Result<(), driver_events_core::SinkError> {
//! let sink: Arc<dyn DriverEventSink> = Arc::new(StdoutEventSink::new());
//! sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "needs a person".into() }).await?;
//! sink.close().await?;
//! # Ok(())
//! # }
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(example()).unwrap();
//! ```
//!
//! # How lines come out
//! `send` appends a whole line to a buffer in memory, and a thread of the sink's own writes it: at once when the sink
//! was idle, in chunks of many lines under load. So a slow reader costs memory up to the buffer's size, and then makes
//! `send` wait; it never blocks a thread of the runtime. Lines are never torn or interleaved. Nothing panics on a closed
//! pipe. [`WriterEventSink`] says what happens when a write fails.
//!
//! Call [`close`](driver_events_core::DriverEventSink::close) before the process ends, or the last lines may be lost.
//!
//! # Features
//! None.

mod stdout;
mod writer;

mod builder;
mod color;
mod format;

pub mod pretty;

mod append;
mod failure;
mod output;
mod queue;
mod terminal;
mod thread;

pub use builder::WriterEventSinkBuilder;
pub use color::Color;
pub use format::{Format, UnknownFormat};
pub use stdout::StdoutEventSink;
pub use writer::WriterEventSink;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

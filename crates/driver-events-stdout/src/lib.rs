//! Events of AI agents' driver loops as lines: on stdout, in a file, on any [`Write`](std::io::Write).
//!
//! [`StdoutEventSink`] and [`WriterEventSink`] are [`DriverEventSink`](driver_events_core::DriverEventSink)s. They write
//! one line per event in one of three [`Format`]s: the event's JSON, CloudEvents 1.0, or human-readable.
//!
//! # When to use it
//! For a process whose output is piped to another, for a log file, for a terminal. If readers come and go, or events
//! must survive the loss of the machine, use the crate of a broker.
//!
//! # Examples
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
//! # How lines are written
//! `send` appends a whole line to a buffer in memory. A dedicated thread writes it: at once if the sink is idle, in
//! batches under load. A slow reader therefore costs memory up to the buffer's size and then makes `send` wait, but
//! never blocks a thread of the runtime. Lines are never torn or interleaved, and a closed pipe causes no panic. For
//! failed writes see [`WriterEventSink`].
//!
//! Call [`close`](driver_events_core::DriverEventSink::close) before the process exits, or the last lines may be lost.
//!
//! # Features
//! None.

mod stdout;
mod writer;

mod builder;
mod format;

pub mod pretty;

mod append_file;
mod writer_thread;

pub use builder::WriterEventSinkBuilder;
pub use format::color::Color;
pub use format::{Format, UnknownFormat};
pub use stdout::StdoutEventSink;
pub use writer::WriterEventSink;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

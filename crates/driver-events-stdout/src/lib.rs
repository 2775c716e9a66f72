//! Events of AI agents' driver loops as lines: on stdout, in a file, on any [`Write`](std::io::Write).
//!
//! [`StdoutEventSink`] and [`WriterEventSink`] are [`DriverEventSink`](driver_events_core::DriverEventSink)s. They write
//! one line per event in one of three [`Format`]s: the event's bare JSON, CloudEvents 1.0, or human-readable.
//!
//! The default is bare JSON. The default of a file that [`WriterEventSink::append_to`] opens is CloudEvents, and bare JSON
//! for an event without a subject. A file's lines keep source and id of their events, so they can be published again
//! without duplicates: JetStream and [`Deduplicator`](driver_events_core::Deduplicator) drop equal pairs.
//!
//! # When to use it
//! For a process whose output is piped to another, for a log file, for a terminal. If readers come and go, or events
//! must survive the loss of the machine, use the crate of a broker.
//!
//! # Examples
//! ```console
//! $ cargo add driver-events-stdout driver-events-core driver-events-types
//! $ cargo add tokio --features macros,rt-multi-thread
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use driver_events_core::{DriverEventSink, DriverEventSinkExt};
//! use driver_events_stdout::StdoutEventSink;
//! use driver_events_types::{
//!     AcceptanceCriterion, AttemptOutcome, AttemptResult, BudgetGuards, BudgetUsage, DriverEvent, Goal, GoalId,
//!     GoalOutcome,
//! };
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let sink: Arc<dyn DriverEventSink> = Arc::new(StdoutEventSink::new().stamped("urn:example:driver")?);
//!
//! let started = Instant::now();
//! let goal = Goal {
//!     id: GoalId::new(),
//!     description: "fix the parser".into(),
//!     acceptance: vec![AcceptanceCriterion::shell("cargo test")],
//!     budget: BudgetGuards {
//!         max_turns: 20,
//!         max_wall_time: Duration::from_secs(3_600),
//!         max_tokens: 1_000_000,
//!         max_consecutive_denies: 3,
//!         max_consecutive_errors: 5,
//!         max_consecutive_413: 2,
//!     },
//!     workspace: None,
//!     metadata: Default::default(),
//! };
//! let goal_id = goal.id;
//! report(&*sink, DriverEvent::GoalStarted { goal }).await;
//! report(&*sink, DriverEvent::AttemptStarted { goal_id, turn_index: 0, usage: BudgetUsage::default() }).await;
//! // The agent works here.
//! let elapsed = started.elapsed();
//! let usage = BudgetUsage { turns: 1, wall_time: elapsed, tokens: 41_200, ..BudgetUsage::default() };
//! let result = AttemptResult {
//!     goal_id,
//!     turn_index: 0,
//!     outcome: AttemptOutcome::Done,
//!     decisions_recorded: Vec::new(),
//!     usage_after: usage.clone(),
//!     acceptance: None,
//!     final_text: None,
//!     harness_extras: Default::default(),
//! };
//! report(&*sink, DriverEvent::AttemptCompleted { result }).await;
//! let outcome = GoalOutcome {
//!     goal_id,
//!     outcome: AttemptOutcome::Done,
//!     total_turns: 1,
//!     usage,
//!     final_text: None,
//!     acceptance: None,
//!     elapsed,
//! };
//! report(&*sink, DriverEvent::GoalCompleted { outcome }).await;
//!
//! // Delivers buffered events.
//! sink.close().await?;
//! # Ok(())
//! # }
//!
//! /// Publishes an event. A failure must not stop the driver loop.
//! async fn report(sink: &dyn DriverEventSink, event: DriverEvent) {
//!     if let Err(error) = sink.publish(event).await {
//!         eprintln!("event not published: {error}");
//!     }
//! }
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

//! Sink and source traits for the events of AI agents' driver loops, with envelopes and decorators.
//!
//! # When to use this crate
//! - To publish from a driver loop: hold an `Arc<dyn` [`DriverEventSink`]`>` and call
//!   [`publish`](DriverEventSink::publish).
//! - To test a driver loop: [`MemoryEventSink`] keeps the published events.
//! - To implement a sink, a decorator or a source: implement the traits, and test sinks with the `conformance` module.
//!
//! To send events to a destination, add the crate of its transport, for example
//! [`driver-events-stdout`](https://docs.rs/driver-events-stdout). To create or read events without sending them,
//! [`driver-events-types`](https://docs.rs/driver-events-types) is enough.
//!
//! # Example
//! ```console
//! $ cargo add driver-events-core driver-events-types
//! $ cargo add tokio --features macros,rt-multi-thread
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use driver_events_core::{DriverEventSink, DriverEventSinkExt, MemoryEventSink};
//! use driver_events_types::{
//!     AcceptanceCriterion, AttemptOutcome, AttemptResult, BudgetGuards, BudgetUsage, DriverEvent, Goal, GoalId,
//!     GoalOutcome,
//! };
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let events = MemoryEventSink::new();
//! let sink: Arc<dyn DriverEventSink> = Arc::new(events.clone().stamped("urn:example:driver")?);
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
//!
//! let published = events.of_goal(goal_id);
//! assert_eq!(published.len(), 4);
//! assert_eq!(published[3].stamp().map(|stamp| stamp.sequence), Some(4));
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
//! # Order of decorators
//! Decorators are sinks that wrap sinks; [`DriverEventSinkExt`] has them as methods. The decorator added last is the
//! outermost and sees an event first. The order matters:
//!
//! - [`Stamped`] belongs outermost. Outside a [`FanOut`], all sinks see the same numbers. Inside it, the first sink to
//!   receive an event numbers it for all, because an event is numbered once.
//! - A [`Filter`] outside [`Stamped`] drops events before they are numbered, so readers see no gaps. Inside, dropped
//!   events appear as gaps.
//! - A [`Filter`] outside a [`FanOut`] applies to all sinks, inside it to one of them. The guarantee of a filter is
//!   [`Guarantee::None`], and so is that of a fan-out that contains one.
//! - [`Redact`] belongs inside [`Stamped`] and outside everything else, so that nothing keeps or sends what it hides.
//! - `Retry` belongs inside `Buffered`: the worker retries, and the caller does not wait. Outside, it only retries what the
//!   full buffer refuses.
//! - `Timeout` inside `Retry` limits each attempt; outside, all attempts together.
//! - A [`FanOut`] waits for its slowest sink: each branch behind a `Buffered` of its own does not delay the others.
//! - [`BestEffort`] belongs outermost in its branch: whatever it contains cannot fail the caller.
//!
//! | a call passes through, from the outside | what the caller waits for | what a dead broker costs |
//! |---|---|---|
//! | the sink of a transport | its ack, up to the transport's timeout | each event, after the timeout |
//! | `Timeout` → transport | its ack, up to the limit | each event, after the limit |
//! | `Retry` → transport | its ack, for ever or up to the deadline | time, no event |
//! | `Buffered` → `Retry` → transport | nothing, until the buffer is full | memory; when full, what `OnFull` says |
//! | `FanOut` of several of the last | nothing, until a buffer is full | nothing to the other branches |
//!
//! # Features
//! - `conformance`: the module `conformance`, a test suite for implementations of [`DriverEventSink`].
//! - `metrics`: counters and histograms of the decorators through the [`metrics`](https://docs.rs/metrics) facade, see
//!   [`Observed`].
//! - `runtime`: `Buffered`, `Retry` and `Timeout`, which need a tokio runtime with a timer.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod envelope;
mod sink;

mod decorators;

pub mod cloudevents;
mod source;

mod readers;
mod setup_error;

#[cfg(feature = "conformance")]
pub mod conformance;

mod catch_panic;
mod lock;
mod redacted_url;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use decorators::DriverEventSinkExt;
pub use decorators::best_effort::BestEffort;
#[cfg(feature = "runtime")]
pub use decorators::buffered::{
    Buffered,
    builder::BufferedBuilder,
    on_full::{DropReason, DroppedEvent, OnFull},
    stats::BufferedStats,
};
pub use decorators::failing::FailingEventSink;
pub use decorators::fan_out::FanOut;
pub use decorators::fan_out_error::FanOutError;
pub use decorators::filter::Filter;
pub use decorators::observed::Observed;
pub use decorators::redact::{
    Redact,
    redaction::{REDACTED, Redaction},
};
#[cfg(feature = "runtime")]
pub use decorators::retry::{Retry, backoff::Backoff};
pub use decorators::stamped::Stamped;
#[cfg(feature = "runtime")]
pub use decorators::timeout::Timeout;
pub use decorators::trace_context::TraceContext;
pub use envelope::Envelope;
pub use envelope::attribute_checks::InvalidAttribute;
pub use envelope::attribute_error::AttributeError;
pub use envelope::attributes::{SOURCE_UNSET, Stamp};
pub use envelope::event_filter::EventFilter;
pub use envelope::event_id::EventId;
pub use envelope::trace::Trace;
pub use readers::deduplicator::Deduplicator;
pub use readers::sequence_tracker::{Observation, SequenceTracker};
pub use redacted_url::redacted_url;
pub use setup_error::{SetupError, SetupErrorKind};
pub use sink::DriverEventSink;
pub use sink::batch_order::BatchOrder;
pub use sink::batch_results::BatchResults;
pub use sink::close_guard::{ActiveCall, CloseGuard};
pub use sink::failed_goals::FailedGoals;
pub use sink::memory::MemoryEventSink;
pub use sink::noop::NoopEventSink;
pub use sink::receipt::{Guarantee, Receipt, Stored};
pub use sink::sink_error::{Fate, SinkError, SinkErrorKind};
pub use source::delivery::{Delivery, Settle};
pub use source::malformed::Malformed;
pub use source::ndjson::NdjsonSource;
pub use source::payload::decode_payload;
pub use source::position::Position;
pub use source::source_error::{SourceError, SourceErrorKind};
pub use source::{DriverEventSource, DriverEventSourceExt};

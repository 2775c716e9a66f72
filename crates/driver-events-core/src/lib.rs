//! The sink trait for the events of AI agents' driver loops, the envelope that sinks send, and what goes around them.
//!
//! # When to use it
//! - You write a driver loop: hold an `Arc<dyn` [`DriverEventSink`]`>` and call [`publish`](DriverEventSink::publish).
//! - You test one: [`MemoryEventSink`] keeps what was published.
//! - You write a sink, a decorator or a reader: the traits are here, and the suite that holds sinks to their contract.
//!
//! To send events somewhere, take a crate for the transport too, such as
//! [`driver-events-stdout`](https://docs.rs/driver-events-stdout). To make or read events without sending them,
//! [`driver-events-types`](https://docs.rs/driver-events-types) is enough.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//! use driver_events_core::{DriverEventSink, DriverEventSinkExt, MemoryEventSink};
//! use driver_events_types::{DriverEvent, GoalId};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let events = MemoryEventSink::new();
//! let sink: Arc<dyn DriverEventSink> = Arc::new(events.clone().stamped("urn:example:night-shift")?);
//!
//! let goal_id = GoalId::new();
//! sink.publish(DriverEvent::Escalate { goal_id, reason: "needs a person".into() }).await?;
//! sink.close().await?;
//!
//! assert_eq!(events.of_goal(goal_id).len(), 1);
//! # Ok(())
//! # }
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(example()).unwrap();
//! ```
//!
//! # The order of decorators
//! Decorators are sinks around sinks, and [`DriverEventSinkExt`] has them as methods. The one that is called last sees
//! an event first, and the order changes what happens:
//!
//! - [`Stamped`] belongs at the top. Above a [`FanOut`] all sinks see the same numbers; below it, the first sink to be
//!   asked would number for all, since an event is numbered once.
//! - [`Filter`] above [`Stamped`] drops an event before it is numbered, and readers see no gap. Below, what it drops is a
//!   gap to them.
//! - [`Filter`] above a [`FanOut`] is for all sinks, below it for one of them. A filter promises nothing, and so neither
//!   does a fan-out with a filter below.
//!
//! # Features
//! - `conformance`: the module of the same name, for the tests of those who write sinks.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod sink;

mod attributes;
pub mod cloudevents;
mod envelope;

mod receipt;
mod sink_error;

mod memory;
mod noop;

mod event_filter;
mod fan_out;
mod fan_out_error;
mod filter;
mod sink_ext;
mod stamped;

mod delivery;
mod ndjson;
mod source;
mod source_error;

mod deduplicator;
mod sequence_tracker;

#[cfg(feature = "conformance")]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;

mod batch_results;
mod decode_reason;
mod lock;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use attributes::{EventId, InvalidAttribute, SOURCE_UNSET, Stamp};
pub use deduplicator::Deduplicator;
pub use delivery::{Delivery, Malformed, Position, Settle};
pub use envelope::Envelope;
pub use event_filter::EventFilter;
pub use fan_out::FanOut;
pub use fan_out_error::FanOutError;
pub use filter::Filter;
pub use memory::MemoryEventSink;
pub use ndjson::NdjsonSource;
pub use noop::NoopEventSink;
pub use receipt::{Guarantee, Receipt, Stored};
pub use sequence_tracker::{Observation, SequenceTracker};
pub use sink::DriverEventSink;
pub use sink_error::{Fate, SinkError, SinkErrorKind};
pub use sink_ext::DriverEventSinkExt;
pub use source::DriverEventSource;
pub use source_error::{SourceError, SourceErrorKind};
pub use stamped::Stamped;

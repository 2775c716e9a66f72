//! The sink trait for the events of AI agents' driver loops.
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

mod batch;
mod lock;

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

//! The sink trait for the events of AI agents' driver loops.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod sink;

mod attributes;
pub mod cloudevents;
mod envelope;

mod receipt;
mod sink_error;

mod delivery;
mod ndjson;
mod source;
mod source_error;

pub use attributes::{EventId, InvalidAttribute, SOURCE_UNSET, Stamp};
pub use delivery::{Delivery, Malformed, Position, Settle};
pub use envelope::Envelope;
pub use ndjson::NdjsonSource;
pub use receipt::{Guarantee, Receipt, Stored};
pub use sink::DriverEventSink;
pub use sink_error::{Fate, SinkError, SinkErrorKind};
pub use source::DriverEventSource;
pub use source_error::{SourceError, SourceErrorKind};

//! Envelopes as [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md).
//!
//! The attributes are the same in every mode: transports with headers carry [these](visit_attributes) beside the bare JSON
//! (binary mode) and read them back with [`ReceivedAttributes`]; lines of text carry everything in one JSON object
//! (structured mode, [`write_structured`] and [`read_structured`]).
//!
//! | attribute | what it holds |
//! |---|---|
//! | `specversion` | `1.0` |
//! | `id` | [`Envelope::id`] |
//! | `source` | [`Envelope::source`] |
//! | `type` | [`Envelope::subject`] |
//! | `subject` | [`Envelope::goal_id`] |
//! | `time` | [`Envelope::time`], RFC 3339 |
//! | `datacontenttype` | `application/json` |
//! | `sequence` | [`Stamp::sequence`](crate::Stamp::sequence), padded to 20 digits: the [extension](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/sequence.md) orders as text |
//! | `producerrun` | [`Stamp::run`](crate::Stamp::run) |
//! | `partitionkey` | [`Envelope::goal_id`] ([extension](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/partitioning.md)) |
//! | `traceparent` | [`Envelope::traceparent`] ([extension](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md)) |
//!
//! Optional attributes are left out where the envelope has no value. Other extension attributes are not carried.

mod received;
mod structured;

use chrono::SecondsFormat;
use uuid::Uuid;

use crate::{Envelope, SinkError, SinkErrorKind};

pub use received::ReceivedAttributes;
pub use structured::{StructuredError, is_structured, looks_structured, read_structured, write_structured};

/// The media type of an event's JSON.
pub const DATA_CONTENT_TYPE: &str = "application/json";

const SPEC_VERSION: &str = "1.0";
/// The digits of the largest sequence.
const SEQUENCE_DIGITS: usize = 20;

/// Shows the attributes of the envelope that have a value to `visit`, name and value, in the order of the table above.
///
/// # Errors
/// [`Rejected`](SinkErrorKind::Rejected): the event's kind is not known and it came without a CloudEvents type; none is
/// shown then. The first error of `visit`, which sees no more after that.
pub fn visit_attributes(
    envelope: &Envelope,
    mut visit: impl FnMut(&'static str, &str) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    let Some(subject) = envelope.subject() else {
        let message = format!(
            "the kind {:?} is not known and the event came without a CloudEvents type, so it has no subject",
            envelope.kind()
        );
        return Err(SinkError::new(SinkErrorKind::Rejected, message));
    };
    let mut text = Uuid::encode_buffer();
    let goal_id = envelope.goal_id();
    let goal_id = goal_id.map(|goal_id| &*goal_id.0.hyphenated().encode_lower(&mut text));
    visit("specversion", SPEC_VERSION)?;
    visit("id", envelope.id().as_str())?;
    visit("source", envelope.source())?;
    visit("type", subject)?;
    if let Some(goal_id) = goal_id {
        visit("subject", goal_id)?;
    }
    if let Some(time) = envelope.time() {
        visit("time", &time.to_rfc3339_opts(SecondsFormat::AutoSi, true))?;
    }
    visit("datacontenttype", DATA_CONTENT_TYPE)?;
    if let Some(stamp) = envelope.stamp() {
        visit("sequence", &format!("{:0SEQUENCE_DIGITS$}", stamp.sequence))?;
        visit("producerrun", &stamp.run)?;
    }
    if let Some(goal_id) = goal_id {
        visit("partitionkey", goal_id)?;
    }
    if let Some(traceparent) = envelope.traceparent() {
        visit("traceparent", traceparent)?;
    }
    Ok(())
}

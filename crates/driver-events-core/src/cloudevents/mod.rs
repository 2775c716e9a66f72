//! Envelopes as [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md).
//!
//! The attributes are the same in every mode: transports with headers carry [`attributes`] beside the bare JSON
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

use std::borrow::Cow;

use chrono::SecondsFormat;

use crate::{Envelope, SinkError, SinkErrorKind};

pub use received::ReceivedAttributes;
pub use structured::{StructuredError, is_structured, looks_structured, read_structured, write_structured};

/// The media type of an event's JSON.
pub const DATA_CONTENT_TYPE: &str = "application/json";

const SPEC_VERSION: &str = "1.0";
/// The digits of the largest sequence.
const SEQUENCE_DIGITS: usize = 20;

/// The attributes of the envelope that have a value, in the order of the table above.
///
/// # Errors
/// [`Rejected`](SinkErrorKind::Rejected): the event's kind is not known and it came without a CloudEvents type.
pub fn attributes(envelope: &Envelope) -> Result<Vec<(&'static str, Cow<'_, str>)>, SinkError> {
    let Some(subject) = envelope.subject() else {
        let message = format!(
            "the kind {:?} is not known and the event came without a CloudEvents type, so it has no subject",
            envelope.kind()
        );
        return Err(SinkError::new(SinkErrorKind::Rejected, message));
    };
    let goal_id = envelope.goal_id().map(|goal_id| goal_id.to_string());
    let mut attributes = vec![
        ("specversion", Cow::Borrowed(SPEC_VERSION)),
        ("id", Cow::Borrowed(envelope.id().as_str())),
        ("source", Cow::Borrowed(envelope.source())),
        ("type", Cow::Borrowed(subject)),
    ];
    if let Some(goal_id) = &goal_id {
        attributes.push(("subject", Cow::Owned(goal_id.clone())));
    }
    if let Some(time) = envelope.time() {
        let time = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        attributes.push(("time", Cow::Owned(time)));
    }
    attributes.push(("datacontenttype", Cow::Borrowed(DATA_CONTENT_TYPE)));
    if let Some(stamp) = envelope.stamp() {
        let sequence = format!("{:0SEQUENCE_DIGITS$}", stamp.sequence);
        attributes.push(("sequence", Cow::Owned(sequence)));
        attributes.push(("producerrun", Cow::Borrowed(&stamp.run)));
    }
    if let Some(goal_id) = goal_id {
        attributes.push(("partitionkey", Cow::Owned(goal_id)));
    }
    if let Some(traceparent) = envelope.traceparent() {
        attributes.push(("traceparent", Cow::Borrowed(traceparent)));
    }
    Ok(attributes)
}

//! Envelopes as [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md).
//!
//! Both modes have the same attributes. In binary mode, transports with headers carry the
//! [attributes](visit_attributes) in headers and the bare JSON as payload, and readers collect the headers in
//! [`ReceivedAttributes`]. In structured mode, one JSON object contains everything: see [`write_structured`] and
//! [`read_structured`].
//!
//! | attribute | value |
//! |---|---|
//! | `specversion` | `1.0` |
//! | `id` | [`Envelope::id`] |
//! | `source` | [`Envelope::source`] |
//! | `type` | [`Envelope::subject`] |
//! | `subject` | [`Envelope::goal_id`] |
//! | `time` | [`Envelope::time`], RFC 3339 |
//! | `datacontenttype` | `application/json` |
//! | `sequence` | [`Stamp::sequence`](crate::Stamp::sequence), padded to 20 digits, because the [extension](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/sequence.md) compares as text |
//! | `producerrun` | [`Stamp::run`](crate::Stamp::run) |
//! | `partitionkey` | [`Envelope::goal_id`] ([extension](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/partitioning.md)) |
//! | `traceparent` | [`Envelope::traceparent`] ([extension](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md)) |
//! | `tracestate` | [`Envelope::tracestate`], with a `traceparent` only |
//!
//! Optional attributes without a value are omitted. Other extension attributes are not supported.
//!
//! Absent, `null` and empty are three things: in structured mode `null` is read as absent and never written; an empty value
//! is invalid, except of a `traceparent` or `tracestate`, which is then absent, and of attributes that the event itself
//! determines, which are ignored.

mod attribute_text;
mod received;
mod structured;

use uuid::Uuid;

use crate::envelope::Envelope;
use crate::sink::sink_error::{SinkError, SinkErrorKind};

pub use received::ReceivedAttributes;
pub use structured::{StructuredError, is_structured, looks_structured, read_structured, write_structured};

/// Media type of an event's JSON.
pub const DATA_CONTENT_TYPE: &str = "application/json";

const SPEC_VERSION: &str = "1.0";

/// Calls `visit` with the name and the value of each attribute that has a value, in the order of the table above.
///
/// # Errors
/// - [`Rejected`](SinkErrorKind::Rejected) if the event has no [subject](Envelope::subject). `visit` is then not called.
/// - The first error of `visit`, which is then not called again.
pub fn visit_attributes(
    envelope: &Envelope,
    mut visit: impl FnMut(&'static str, &str) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    let Some(subject) = envelope.subject() else {
        let message = format!(
            "unknown kind {:?} without a CloudEvents type has no subject",
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
        attribute_text::with_time(time, |time| visit("time", time))?;
    }
    visit("datacontenttype", DATA_CONTENT_TYPE)?;
    if let Some(stamp) = envelope.stamp() {
        attribute_text::with_sequence(stamp.sequence, |sequence| visit("sequence", sequence))?;
        visit("producerrun", &stamp.run)?;
    }
    if let Some(goal_id) = goal_id {
        visit("partitionkey", goal_id)?;
    }
    if let Some(traceparent) = envelope.traceparent() {
        visit("traceparent", traceparent)?;
        if let Some(tracestate) = envelope.tracestate() {
            visit("tracestate", tracestate)?;
        }
    }
    Ok(())
}

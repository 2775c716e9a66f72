use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::SPEC_VERSION;
use crate::envelope::Envelope;
use crate::envelope::attribute_checks::InvalidAttribute;
use crate::envelope::attribute_checks::{
    check_text, check_time, check_traceparent, check_tracestate, check_uri_reference,
};
use crate::envelope::attributes::Stamp;
use crate::envelope::event_id::EventId;

/// Collects the attributes of a received event by name, for example from message headers.
///
/// ```
/// use driver_events_core::Envelope;
/// use driver_events_core::cloudevents::ReceivedAttributes;
///
/// let json = &br#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#[..];
/// let mut attributes = ReceivedAttributes::default();
/// attributes.set("id", "42")?;
/// attributes.set("sequence", "00000000000000000007")?;
/// attributes.set("producerrun", "night-shift")?;
/// let envelope = attributes.apply_to(Envelope::from_json(json)?)?;
/// assert_eq!(envelope.id().as_str(), "42");
/// assert_eq!(envelope.stamp().map(|stamp| stamp.sequence), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReceivedAttributes {
    pub(super) spec_version: bool,
    pub(super) id: Option<EventId>,
    pub(super) source: Option<Arc<str>>,
    pub(super) event_type: Option<Arc<str>>,
    time: Option<DateTime<Utc>>,
    /// `None` inside: not an unsigned integer.
    sequence: Option<Option<u64>>,
    run: Option<Arc<str>>,
    traceparent: Option<Arc<str>>,
    tracestate: Option<Arc<str>>,
}

impl ReceivedAttributes {
    /// Sets one attribute. Ignores names that are not in the [table](super), and `subject`, `partitionkey` and
    /// `datacontenttype`, which the event itself determines. Also ignores an invalid `traceparent` and an invalid
    /// `tracestate`, as [W3C Trace Context](https://www.w3.org/TR/trace-context/#processing-model) requires: a publisher
    /// without a trace may write an id of zeros.
    ///
    /// # Errors
    /// Returns an error if the value is invalid for the attribute.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidAttribute> {
        match name {
            "specversion" => {
                if value != SPEC_VERSION {
                    return Err(InvalidAttribute::new(name, "is not `1.0`, the supported version"));
                }
                self.spec_version = true;
            }
            "id" => self.id = Some(EventId::of_text(value)?),
            "source" => {
                check_uri_reference(name, value)?;
                self.source = Some(value.into());
            }
            "type" => {
                check_text(name, value)?;
                self.event_type = Some(value.into());
            }
            "time" => {
                let time = DateTime::parse_from_rfc3339(value)
                    .map_err(|_| InvalidAttribute::new(name, "is not an RFC 3339 time"))?;
                let time = time.to_utc();
                check_time(time)?;
                self.time = Some(time);
            }
            "sequence" => {
                let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
                self.sequence = Some(value.parse().ok().filter(|_| is_number));
            }
            "producerrun" => {
                check_text(name, value)?;
                self.run = Some(value.into());
            }
            "traceparent" => self.traceparent = check_traceparent(value).is_ok().then(|| value.into()),
            "tracestate" => self.tracestate = check_tracestate(value).is_ok().then(|| value.into()),
            _ => {}
        }
        Ok(())
    }

    /// Applies the attributes to the envelope of the event with which they were received.
    ///
    /// A `sequence` without a `producerrun` is ignored: other publishers number their events
    /// [in other ways](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/sequence.md).
    ///
    /// # Errors
    /// Returns an error if `producerrun` was set, and `sequence` was not, or is not an unsigned integer.
    pub fn apply_to(self, envelope: Envelope) -> Result<Envelope, InvalidAttribute> {
        let stamp = match (self.run, self.sequence) {
            (Some(run), Some(Some(sequence))) => Some(Stamp { run, sequence }),
            (Some(_), Some(None)) => return Err(InvalidAttribute::new("sequence", "is not an unsigned integer")),
            (Some(_), None) => return Err(InvalidAttribute::new("producerrun", "requires `sequence`")),
            (None, _) => None,
        };
        let is_any_set = self.id.is_some()
            || self.source.is_some()
            || self.event_type.is_some()
            || self.time.is_some()
            || self.traceparent.is_some()
            || self.tracestate.is_some()
            || stamp.is_some();
        if !is_any_set {
            return Ok(envelope);
        }
        // `set` has validated every value.
        Ok(envelope.with(|attributes| {
            if let Some(id) = self.id {
                attributes.set_id(id);
            }
            if let Some(source) = self.source {
                attributes.set_source(source);
            }
            if let Some(stamp) = stamp {
                attributes.set_stamp(stamp);
            }
            attributes.time = self.time.or(attributes.time);
            attributes.event_type = self.event_type.or(attributes.event_type.take());
            if let Some(traceparent) = self.traceparent {
                attributes.set_traceparent(traceparent);
            }
            if let Some(tracestate) = self.tracestate {
                attributes.set_tracestate(tracestate);
            }
        }))
    }
}

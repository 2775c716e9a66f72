//! Envelopes with other attributes.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Envelope;
use super::attribute_checks::{
    InvalidAttribute, check_text, check_time, check_traceparent, check_tracestate, check_uri_reference,
};
use super::attribute_error::AttributeError;
use super::attributes::{Attributes, Stamp};

impl Envelope {
    /// Returns the event with this time. Existing clones do not change.
    ///
    /// # Errors
    /// Returns an error if the year is outside 0 to 9999, the range of RFC 3339.
    pub fn with_time(self, time: DateTime<Utc>) -> Result<Self, AttributeError> {
        let checked = check_time(time);
        self.with_checked(checked, |attributes| attributes.time = Some(time))
    }

    /// Returns the event with this stamp. Existing clones do not change.
    ///
    /// # Errors
    /// Returns an error if the run is empty or contains a control character or a Unicode noncharacter.
    pub fn with_stamp(self, stamp: Stamp) -> Result<Self, AttributeError> {
        let checked = check_text("producerrun", &stamp.run);
        self.with_checked(checked, |attributes| attributes.set_stamp(stamp))
    }

    /// Returns the event with this source. Existing clones do not change.
    ///
    /// # Errors
    /// Returns an error if the source is empty or not a URI reference
    /// ([RFC 3986](https://www.rfc-editor.org/rfc/rfc3986)).
    pub fn with_source(self, source: impl Into<Arc<str>>) -> Result<Self, AttributeError> {
        let source = source.into();
        let checked = check_uri_reference("source", &source);
        self.with_checked(checked, |attributes| attributes.set_source(source))
    }

    /// Returns the event with this trace context. Existing clones do not change.
    ///
    /// # Errors
    /// Returns an error if the text is not a valid
    /// [`traceparent`](https://www.w3.org/TR/trace-context/#traceparent-header).
    pub fn with_traceparent(self, traceparent: impl Into<Arc<str>>) -> Result<Self, AttributeError> {
        let traceparent = traceparent.into();
        let checked = check_traceparent(&traceparent);
        self.with_checked(checked, |attributes| attributes.set_traceparent(traceparent))
    }

    /// Returns the event with this vendors' part of the trace context. Existing clones do not change.
    ///
    /// # Errors
    /// Returns an error if the text is not a valid
    /// [`tracestate`](https://www.w3.org/TR/trace-context/#tracestate-header).
    pub fn with_tracestate(self, tracestate: impl Into<Arc<str>>) -> Result<Self, AttributeError> {
        let tracestate = tracestate.into();
        let checked = check_tracestate(&tracestate);
        self.with_checked(checked, |attributes| attributes.set_tracestate(tracestate))
    }

    /// Returns the event with this CloudEvents type, which is the [`subject`](Self::subject) of an event of an unknown
    /// kind. Existing clones do not change.
    ///
    /// # Errors
    /// Returns an error if the type is empty or contains a control character or a Unicode noncharacter.
    pub fn with_event_type(self, event_type: impl Into<Arc<str>>) -> Result<Self, AttributeError> {
        let event_type = event_type.into();
        let checked = check_text("type", &event_type);
        self.with_checked(checked, |attributes| attributes.event_type = Some(event_type))
    }

    fn with_checked(
        self,
        checked: Result<(), InvalidAttribute>,
        change: impl FnOnce(&mut Attributes),
    ) -> Result<Self, AttributeError> {
        match checked {
            Ok(()) => Ok(self.with(change)),
            Err(invalid) => Err(AttributeError::new(self, invalid)),
        }
    }
}

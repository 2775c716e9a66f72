use super::Envelope;
use super::attribute_checks::InvalidAttribute;

/// Error of setting an attribute of an envelope. It contains the unchanged envelope: see
/// [`into_envelope`](Self::into_envelope).
///
/// ```
/// use driver_events_core::{AttributeError, Envelope};
///
/// /// Sets the trace context if it is valid: an invalid one must not cost the event.
/// fn traced(envelope: Envelope, traceparent: &str) -> Envelope {
///     envelope.with_traceparent(traceparent).unwrap_or_else(AttributeError::into_envelope)
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{invalid}")]
pub struct AttributeError {
    envelope: Envelope,
    invalid: InvalidAttribute,
}

impl AttributeError {
    pub(super) fn new(envelope: Envelope, invalid: InvalidAttribute) -> Self {
        Self { envelope, invalid }
    }

    /// Returns the name of the attribute and why its value is invalid.
    #[must_use]
    pub fn invalid(&self) -> &InvalidAttribute {
        &self.invalid
    }

    /// Returns the envelope, without the attribute.
    #[must_use]
    pub fn into_envelope(self) -> Envelope {
        self.envelope
    }
}

impl From<AttributeError> for InvalidAttribute {
    fn from(error: AttributeError) -> Self {
        error.invalid
    }
}

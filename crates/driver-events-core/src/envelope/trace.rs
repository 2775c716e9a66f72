use std::sync::Arc;

use super::attribute_checks::{InvalidAttribute, check_traceparent, check_tracestate};

/// A valid [W3C trace context](https://www.w3.org/TR/trace-context/).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trace {
    pub(super) traceparent: Arc<str>,
    pub(super) tracestate: Option<Arc<str>>,
}

impl Trace {
    /// Creates a trace context from the values of the two headers.
    ///
    /// # Errors
    /// Returns an error if the `traceparent` is invalid. An invalid `tracestate` is left out, as the specification requires.
    pub fn new(
        traceparent: impl Into<Arc<str>>,
        tracestate: Option<impl Into<Arc<str>>>,
    ) -> Result<Self, InvalidAttribute> {
        let traceparent = traceparent.into();
        check_traceparent(&traceparent)?;
        let tracestate = tracestate.map(Into::into);
        Ok(Self {
            traceparent,
            tracestate: tracestate.filter(|tracestate| check_tracestate(tracestate).is_ok()),
        })
    }
}

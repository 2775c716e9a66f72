use async_trait::async_trait;

use crate::{DriverEventSink, Envelope, Receipt, SinkError};

/// Takes every event and drops it, always with `Ok`: for drivers whose events nobody wants.
///
/// It looks at nothing, so that it costs nothing: an event that no transport could send is `Ok` as well, and so is one
/// after [`close`](DriverEventSink::close).
///
/// ```
/// use driver_events_core::NoopEventSink;
///
/// let s = NoopEventSink;
/// # let _ = s;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopEventSink;

#[async_trait]
impl DriverEventSink for NoopEventSink {
    async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
        Ok(Receipt::Discarded)
    }
}

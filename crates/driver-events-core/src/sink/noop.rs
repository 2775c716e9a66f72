use async_trait::async_trait;

use super::DriverEventSink;
use super::receipt::{Guarantee, Receipt};
use super::sink_error::SinkError;
use crate::envelope::Envelope;

/// Drops every event and returns `Ok`: for drivers whose events are not needed.
///
/// Performs no checks: returns `Ok` also for events that cannot be encoded, and after [`close`](DriverEventSink::close).
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
    fn guarantee(&self) -> Guarantee {
        Guarantee::None
    }

    async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
        Ok(Receipt::Discarded)
    }
}

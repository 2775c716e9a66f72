use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use super::forward::{forward_to_inner, inner_access};
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::receipt::Receipt;
use crate::sink::sink_error::{SinkError, SinkErrorKind};

/// Decorator that limits the time of each call.
///
/// A call that takes longer is cancelled and fails with [`Timeout`](SinkErrorKind::Timeout): each of its events may be
/// delivered ([`Fate::Unknown`](crate::Fate::Unknown)). The limit holds for one `send`, one whole `send_batch`, `flush` or
/// `close`. Calls need the timer of a tokio runtime.
///
/// Inside a [`Retry`](crate::Retry), the limit holds for each attempt; outside, for all attempts together.
///
/// ```
/// use std::time::Duration;
/// use driver_events_core::{DriverEventSink, DriverEventSinkExt, Envelope, FailingEventSink, MemoryEventSink};
/// use driver_events_core::SinkErrorKind;
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() {
/// let slow = FailingEventSink::new(MemoryEventSink::new()).delay(Duration::from_secs(60));
/// let sink = slow.with_timeout(Duration::from_millis(10));
/// let envelope = Envelope::new(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() });
/// let error = sink.send(envelope).await.unwrap_err();
/// assert_eq!(error.kind(), SinkErrorKind::Timeout);
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(example());
/// ```
pub struct Timeout<S> {
    inner: S,
    limit: Duration,
}

impl<S> Timeout<S> {
    /// Wraps `inner`. Each call may take `limit`.
    #[must_use]
    pub fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit }
    }

    async fn limited<T>(&self, call: impl Future<Output = T>) -> Result<T, SinkError> {
        timeout(self.limit, call).await.map_err(|_| self.error())
    }

    fn error(&self) -> SinkError {
        let message = format!("no result within {:?}", self.limit);
        SinkError::new(SinkErrorKind::Timeout, message)
    }
}

inner_access!(Timeout);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for Timeout<S> {
    forward_to_inner!(guarantee, batch_order, name, publish);

    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.limited(self.inner.send(envelope)).await?
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let count = envelopes.len();
        match self.limited(self.inner.send_batch(envelopes)).await {
            Ok(results) => results,
            Err(_) => (0..count).map(|_| Err(self.error())).collect(),
        }
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.limited(self.inner.flush()).await?
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.limited(self.inner.close()).await?
    }
}

/// Formats as `Timeout(LIMIT, INNER)`.
impl<S: fmt::Debug> fmt::Debug for Timeout<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timeout").field(&self.limit).field(&self.inner).finish()
    }
}

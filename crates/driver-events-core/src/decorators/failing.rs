use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::forward::{forward_to_inner, inner_access};
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::batch_order::BatchOrder;
use crate::sink::failed_goals::FailedGoals;
use crate::sink::receipt::Receipt;
use crate::sink::sink_error::{Fate, SinkError, SinkErrorKind};

/// Decorator that fails or delays chosen events: for tests of drivers and of readers.
///
/// Events are numbered from 1, in the order in which they are sent; each attempt of a retry has its own number.
///
/// ```
/// use driver_events_core::{DriverEventSink, Envelope, FailingEventSink, MemoryEventSink, SinkErrorKind};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let memory = MemoryEventSink::new();
/// let sink = FailingEventSink::new(memory.clone()).fail(1, SinkErrorKind::Disconnected);
/// let envelope = Envelope::new(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() });
///
/// let error = sink.send(envelope.clone()).await.unwrap_err();
/// assert!(error.is_retryable());
/// sink.send(envelope).await?;
/// assert_eq!(memory.len(), 1);
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct FailingEventSink<S> {
    inner: S,
    failures: HashMap<usize, (SinkErrorKind, Fate)>,
    delay: Duration,
    sent: AtomicUsize,
}

impl<S> FailingEventSink<S> {
    /// Wraps `inner`. Without further settings, every event is forwarded.
    #[must_use]
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            failures: HashMap::new(),
            delay: Duration::ZERO,
            sent: AtomicUsize::new(0),
        }
    }

    /// Fails the event with this number, with the fate [`NotSent`](Fate::NotSent): `inner` does not receive it.
    #[must_use]
    pub fn fail(mut self, number: usize, kind: SinkErrorKind) -> Self {
        self.failures.insert(number, (kind, Fate::NotSent));
        self
    }

    /// Fails the event with this number, with the fate [`Unknown`](Fate::Unknown), after `inner` has accepted it: as if its
    /// ack was lost.
    #[must_use]
    pub fn lose_ack(mut self, number: usize, kind: SinkErrorKind) -> Self {
        self.failures.insert(number, (kind, Fate::Unknown));
        self
    }

    /// Delays every event. Default: zero.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits without the timer of a runtime, since this crate works with any.
    async fn wait(&self) {
        if self.delay.is_zero() {
            return;
        }
        let (waited, done) = oneshot::channel::<()>();
        let delay = self.delay;
        thread::spawn(move || {
            thread::sleep(delay);
            drop(waited);
        });
        // The thread sends nothing: its end closes the channel.
        let _ = done.await;
    }
}

inner_access!(FailingEventSink);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for FailingEventSink<S> {
    forward_to_inner!(guarantee, name, flush, close, publish);

    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        self.wait().await;
        let Some((kind, fate)) = self.failures.get(&number).copied() else {
            return self.inner.send(envelope).await;
        };
        if fate != Fate::NotSent {
            self.inner.send(envelope).await?;
        }
        Err(SinkError::new(kind, format!("event {number} fails in this test")).with_fate(fate))
    }

    fn batch_order(&self) -> BatchOrder {
        BatchOrder::StopsGoal
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        FailedGoals::send_each(envelopes, |envelope| self.send(envelope)).await
    }
}

/// Formats as `FailingEventSink(INNER)`.
impl<S: fmt::Debug> fmt::Debug for FailingEventSink<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FailingEventSink").field(&self.inner).finish()
    }
}

mod batch;
mod fates;
mod pending;

pub(crate) mod backoff;

use std::fmt;

use async_trait::async_trait;

use self::backoff::{Backoff, Failures};
use self::batch::Batch;
use self::fates::Fates;
use super::failure_log::FailureLog;
use super::forward::{forward_to_inner, inner_access};
use super::telemetry::{Telemetry, kind_label};
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::batch_order::BatchOrder;
use crate::sink::batch_results::BatchResults;
use crate::sink::receipt::Receipt;
use crate::sink::sink_error::SinkError;

/// Decorator that sends again what failed with a [retryable](SinkError::is_retryable) error, with [`Backoff`].
///
/// Each attempt has the same envelope, so the same id: a broker or a reader removes a second copy. Other errors are
/// returned at once. If the [deadline](Backoff::with_deadline) passes, the call returns the last error; its fate is
/// [`Unknown`](crate::Fate::Unknown) if that of any attempt was. The first failure in a row is logged by `tracing` as a warning.
/// Without a deadline, an error that lasts, such as a subject that the user may not publish to, holds up its call for ever,
/// and with it all events of a buffer in front. `flush` and `close` are not retried. Calls need the timer of a tokio runtime.
///
/// # Order
/// Events of one goal keep their order within a call of `send_batch`, and its [`batch_order`](DriverEventSink::batch_order)
/// is [`StopsGoal`](BatchOrder::StopsGoal). If that of the inner sink is another one, the batch is sent in parts, each with
/// one event of each goal: a batch of few goals is then slow.
///
/// # Examples
/// ```
/// use driver_events_core::{Backoff, DriverEventSink, DriverEventSinkExt, FailingEventSink, MemoryEventSink};
/// use driver_events_core::SinkErrorKind;
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let memory = MemoryEventSink::new();
/// let flaky = FailingEventSink::new(memory.clone()).fail(1, SinkErrorKind::Disconnected);
/// let sink = flaky.retried(Backoff::default());
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// assert_eq!(memory.len(), 1);
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct Retry<S> {
    inner: S,
    backoff: Backoff,
    log: FailureLog,
    telemetry: Telemetry,
}

impl<S: DriverEventSink> Retry<S> {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: S, backoff: Backoff) -> Self {
        Self {
            telemetry: Telemetry::new(inner.name()),
            inner,
            backoff,
            log: FailureLog::default(),
        }
    }

    fn retries(&self, error: &SinkError) {
        self.log
            .failed(&self.inner.name(), "a sink fails: its events are retried", error);
    }
}

inner_access!(Retry);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for Retry<S> {
    forward_to_inner!(guarantee, name, flush, close, publish);

    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let mut failures = Failures::none(self.backoff);
        let mut fates = Fates::default();
        loop {
            match self.inner.send(envelope.clone()).await {
                Ok(receipt) => {
                    self.log.succeeded(&self.inner.name());
                    return Ok(receipt);
                }
                Err(error) if error.is_retryable() => {
                    self.retries(&error);
                    fates.record(0, &error);
                    if !failures.wait().await {
                        return Err(fates.apply(0, failures.given_up(error)));
                    }
                    self.telemetry.retried(kind_label(&envelope));
                }
                Err(error) => return Err(fates.apply(0, error)),
            }
        }
    }

    fn batch_order(&self) -> BatchOrder {
        BatchOrder::StopsGoal
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut batch = Batch::new(envelopes);
        let mut failures = Failures::none(self.backoff);
        loop {
            let items = batch.pending.take(self.inner.batch_order());
            if items.is_empty() {
                return batch.results.into_vec();
            }
            let envelopes = items.iter().map(|(_, envelope)| envelope.clone()).collect();
            let mut sent = BatchResults::new(items.len());
            sent.fill(self.inner.send_batch(envelopes).await);
            let count = items.len();
            let failed = batch.settle(items, sent.into_vec());
            if failed.len() < count {
                failures.reset();
            }
            match failed.first() {
                None => self.log.succeeded(&self.inner.name()),
                Some((_, error)) => {
                    self.retries(error);
                    if failures.wait().await {
                        for ((_, envelope), _) in &failed {
                            self.telemetry.retried(kind_label(envelope));
                        }
                        batch.retry(failed);
                    } else {
                        batch.give_up(failed, &failures);
                        failures.reset();
                    }
                }
            }
        }
    }
}

/// Formats as `Retry(INNER)`.
impl<S: fmt::Debug> fmt::Debug for Retry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Retry").field(&self.inner).finish()
    }
}

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::failure_log::FailureLog;
use super::forward::{forward_to_inner, inner_access};
use super::telemetry::{Telemetry, kind_label};
use crate::catch_panic::{catch_panic, panic_message};
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::batch_order::BatchOrder;
use crate::sink::batch_results::BatchResults;
use crate::sink::receipt::{Guarantee, Receipt};
use crate::sink::sink_error::{SinkError, SinkErrorKind};

/// Decorator that never fails its caller: for a mirror, such as a live view beside an audit log.
///
/// An event that the inner sink fails or panics at is dropped with [`Receipt::Discarded`] and counted; so is the failure of
/// a `flush` or `close`. The first of several failures in a row is logged by `tracing` as a warning, and their number once
/// a call succeeds.
///
/// The guarantee is [`Guarantee::None`]. In a [`FanOut`](crate::FanOut) that is the guarantee of the whole: check what must
/// hold on the other branch, with [`require`](crate::DriverEventSinkExt::require), before the two are combined.
///
/// A slow inner sink still delays the caller: put the mirror behind a [`Timeout`](crate::Timeout), or behind a
/// [`Buffered`](crate::Buffered) that drops when it is full.
///
/// ```
/// use driver_events_core::{DriverEventSink, DriverEventSinkExt, FailingEventSink, MemoryEventSink, SinkErrorKind};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mirror = FailingEventSink::new(MemoryEventSink::new()).fail(1, SinkErrorKind::Disconnected).best_effort();
/// mirror.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// assert_eq!(mirror.failures(), 1);
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct BestEffort<S> {
    inner: S,
    failures: AtomicU64,
    log: FailureLog,
    telemetry: Telemetry,
}

impl<S: DriverEventSink> BestEffort<S> {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: S) -> Self {
        Self {
            telemetry: Telemetry::new(inner.name()),
            inner,
            failures: AtomicU64::new(0),
            log: FailureLog::default(),
        }
    }
}

impl<S> BestEffort<S> {
    /// Returns the number of events that were dropped, and of calls of `flush` and `close` that failed, since the sink was
    /// created.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

impl<S: DriverEventSink> BestEffort<S> {
    /// Returns the receipt of an event.
    fn event(&self, kind: &'static str, result: Result<Receipt, SinkError>) -> Receipt {
        self.settle(result).unwrap_or_else(|| {
            self.telemetry.dropped(kind, "failed");
            Receipt::Discarded
        })
    }

    /// Counts a failure.
    fn settle<T>(&self, result: Result<T, SinkError>) -> Option<T> {
        match result {
            Ok(value) => {
                self.log.succeeded(&self.inner.name());
                Some(value)
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                let what = "a best-effort sink fails: events are dropped";
                self.log.failed(&self.inner.name(), what, &error);
                None
            }
        }
    }

    async fn settle_call(&self, call: impl Future<Output = Result<(), SinkError>>) {
        let result = catch_panic(call).await.unwrap_or_else(|panic| Err(panicked(&*panic)));
        let _ = self.settle(result);
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> SinkError {
    SinkError::new(SinkErrorKind::Fatal, format!("panicked: {}", panic_message(panic)))
}

inner_access!(BestEffort);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for BestEffort<S> {
    forward_to_inner!(name, publish);

    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let kind = kind_label(&envelope);
        let result = catch_panic(self.inner.send(envelope)).await;
        Ok(self.event(kind, result.unwrap_or_else(|panic| Err(panicked(&*panic)))))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::None
    }

    /// [`BestEffort`](BatchOrder::BestEffort): a failed event is not retried, and later ones of its goal are sent.
    fn batch_order(&self) -> BatchOrder {
        BatchOrder::BestEffort
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let kinds: Vec<_> = envelopes.iter().map(kind_label).collect();
        let mut results = BatchResults::new(envelopes.len());
        match catch_panic(self.inner.send_batch(envelopes)).await {
            Ok(sent) => results.fill(sent),
            Err(panic) => results.fill(std::iter::repeat_with(|| Err(panicked(&*panic)))),
        }
        let results = kinds.into_iter().zip(results.into_vec());
        results.map(|(kind, result)| Ok(self.event(kind, result))).collect()
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.settle_call(self.inner.flush()).await;
        Ok(())
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.settle_call(self.inner.close()).await;
        Ok(())
    }
}

/// Formats as `BestEffort(INNER)`.
impl<S: fmt::Debug> fmt::Debug for BestEffort<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BestEffort").field(&self.inner).finish()
    }
}

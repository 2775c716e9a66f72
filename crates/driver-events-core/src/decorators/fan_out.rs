use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::iter::repeat_with;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use driver_events_types::DriverEvent;
use futures_util::future::join_all;

use super::fan_out_error::all_ok;
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::batch_results::BatchResults;
use crate::sink::receipt::{Guarantee, Receipt};
use crate::sink::sink_error::{SinkError, SinkErrorKind};

/// Sends every event to several sinks concurrently and waits for all of them.
///
/// The event is encoded once. The receipt is the weakest receipt of the sinks, and the
/// [guarantee](DriverEventSink::guarantee) is the weakest guarantee. Without sinks, the receipt is
/// [`Receipt::Discarded`].
///
/// A sink that hangs blocks the caller: use sinks with timeouts.
///
/// # Errors
/// If a sink fails or panics, the other sinks still get the event. The [`source`](std::error::Error::source) of the error
/// is a [`FanOutError`](crate::FanOutError) with the result of each sink.
///
/// - The kind is that of the first failure that is not retryable, else that of the first failure. The error is therefore
///   retryable only if all failures are.
/// - The fate is [`NotSent`](crate::Fate::NotSent) only if no sink may have accepted the event.
/// - A retry sends the event to all sinks, including those that accepted it, with the same id.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use driver_events_core::{DriverEventSink, FanOut, MemoryEventSink, NoopEventSink};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let memory = MemoryEventSink::new();
/// let sink = FanOut::new(vec![Arc::new(memory.clone()), Arc::new(NoopEventSink)]);
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// assert_eq!(memory.len(), 1);
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct FanOut {
    sinks: Vec<Arc<dyn DriverEventSink>>,
}

impl FanOut {
    /// Creates a fan-out to `sinks`.
    #[must_use]
    pub fn new(sinks: Vec<Arc<dyn DriverEventSink>>) -> Self {
        Self { sinks }
    }

    /// Returns the sinks, in the order of [`FanOutError::results`](crate::FanOutError::results).
    #[must_use]
    pub fn sinks(&self) -> &[Arc<dyn DriverEventSink>] {
        &self.sinks
    }

    /// Unwraps the sinks.
    #[must_use]
    pub fn into_sinks(self) -> Vec<Arc<dyn DriverEventSink>> {
        self.sinks
    }

    /// Calls all sinks concurrently and waits for every result.
    async fn call_all<'a, T, F>(&'a self, call: impl Fn(&'a dyn DriverEventSink) -> F) -> Vec<Result<T, SinkError>>
    where
        F: Future<Output = Result<T, SinkError>>,
    {
        let call = &call;
        join_all(
            self.sinks
                .iter()
                .map(|sink| catch_panic(async move { call(&**sink).await })),
        )
        .await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl DriverEventSink for FanOut {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let envelope = &envelope;
        weakest(self.call_all(|sink| sink.send(envelope.clone())).await)
    }

    fn guarantee(&self) -> Guarantee {
        let guarantees = self.sinks.iter().map(|sink| sink.guarantee());
        guarantees.min().unwrap_or(Guarantee::None)
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let envelopes = &envelopes;
        let by_sink = self
            .call_all(|sink| async move { Ok(sink.send_batch(envelopes.clone()).await) })
            .await;
        // Transpose one list per sink to one list per envelope.
        let mut by_envelope: Vec<Vec<_>> = envelopes.iter().map(|_| Vec::with_capacity(by_sink.len())).collect();
        for result in by_sink {
            let mut results = BatchResults::new(envelopes.len());
            match result {
                Ok(of_sink) => results.fill(of_sink),
                Err(failure) => results.fill(repeat_with(|| Err(SinkError::new(failure.kind(), failure.to_string())))),
            }
            for (combined, result) in by_envelope.iter_mut().zip(results.into_vec()) {
                combined.push(result);
            }
        }
        by_envelope.into_iter().map(weakest).collect()
    }

    async fn flush(&self) -> Result<(), SinkError> {
        all_ok(self.call_all(|sink| sink.flush()).await, |()| false).map(drop)
    }

    async fn close(&self) -> Result<(), SinkError> {
        all_ok(self.call_all(|sink| sink.close()).await, |()| false).map(drop)
    }

    async fn publish(&self, event: DriverEvent) -> Result<(), SinkError> {
        self.send(Envelope::new(event)).await.map(drop)
    }
}

fn weakest(results: Vec<Result<Receipt, SinkError>>) -> Result<Receipt, SinkError> {
    let receipts = all_ok(results, |receipt| *receipt != Receipt::Discarded)?;
    let weakest = receipts.into_iter().min_by_key(Receipt::guarantee);
    Ok(weakest.unwrap_or(Receipt::Discarded))
}

/// Returns the future's result, or an error if it panics. A future that panicked is not polled again.
async fn catch_panic<T>(future: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
    let mut future = pin!(future);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)))
            .unwrap_or_else(|panic| Poll::Ready(Err(panic_error(&*panic))))
    })
    .await
}

fn panic_error(panic: &(dyn Any + Send)) -> SinkError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("panicked: {}", text.unwrap_or("no message"));
    SinkError::new(SinkErrorKind::Fatal, message)
}

/// Formats as `FanOut([SINK, …])`.
impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FanOut").field(&self.sinks).finish()
    }
}

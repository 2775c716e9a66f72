use std::fmt;
use std::iter::repeat_with;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;

use super::fan_out_error::all_ok;
use super::forward::forward_to_inner;
use crate::catch_panic::{catch_panic, panic_message};
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::batch_order::BatchOrder;
use crate::sink::batch_results::BatchResults;
use crate::sink::receipt::{Guarantee, Receipt};
use crate::sink::sink_error::{SinkError, SinkErrorKind};

/// Sends every event to several sinks concurrently and waits for all of them.
///
/// The event is encoded once. The receipt is the weakest receipt of the sinks, and the
/// [guarantee](DriverEventSink::guarantee) is the weakest guarantee. Without sinks, the receipt is
/// [`Receipt::Discarded`].
///
/// The slowest sink determines how long a call takes, and a sink that hangs blocks the caller. A branch behind a buffer of
/// its own (`Buffered`, feature `runtime`) does not delay the others:
///
/// ```
/// # #[cfg(feature = "runtime")] {
/// # use driver_events_core::MemoryEventSink;
/// use std::sync::Arc;
/// use driver_events_core::{Backoff, Buffered, DriverEventSink, DriverEventSinkExt, FanOut, OnFull};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let (audit, dashboard) = (MemoryEventSink::new(), MemoryEventSink::new());
/// // Both are sinks of a transport. The audit log keeps everything it can; the dashboard may miss events.
/// let audit = Buffered::builder(audit.retried(Backoff::default()), OnFull::DropNewest).max_events(100_000).build()?;
/// let dashboard = Buffered::builder(dashboard, OnFull::DropOldest).max_events(1_000).build()?.best_effort();
/// let branches: [(&str, Arc<dyn DriverEventSink>); 2] = [("audit", Arc::new(audit)), ("dashboard", Arc::new(dashboard))];
/// let sink = FanOut::named(branches).stamped("urn:example:driver")?;
/// # let _ = sink;
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// # }
/// ```
///
/// # Errors
/// If a sink fails or panics, the other sinks still get the event. The error names each sink that failed, with its error;
/// its [`source`](std::error::Error::source) is a [`FanOutError`](crate::FanOutError) with the result of each sink.
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
    /// Names of the sinks in errors.
    names: Arc<[String]>,
}

impl FanOut {
    /// Creates a fan-out to `sinks`. Errors name each by its position and its own [name](DriverEventSink::name), such as
    /// `sink 1 (NatsEventSink)`.
    #[must_use]
    pub fn new(sinks: Vec<Arc<dyn DriverEventSink>>) -> Self {
        let own = |(index, sink): (usize, &Arc<dyn DriverEventSink>)| format!("sink {index} ({})", sink.name());
        Self {
            names: sinks.iter().enumerate().map(own).collect(),
            sinks,
        }
    }

    /// Creates a fan-out to sinks that errors call by these names.
    #[must_use]
    pub fn named(sinks: impl IntoIterator<Item = (impl Into<String>, Arc<dyn DriverEventSink>)>) -> Self {
        let (names, sinks): (Vec<String>, _) = sinks.into_iter().map(|(name, sink)| (name.into(), sink)).unzip();
        Self {
            names: names.into(),
            sinks,
        }
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

    /// Returns the weakest receipt, or one error if a sink failed.
    fn weakest(&self, results: Vec<Result<Receipt, SinkError>>) -> Result<Receipt, SinkError> {
        let receipts = all_ok(&self.names, results, |receipt| *receipt != Receipt::Discarded)?;
        let weakest = receipts.into_iter().min_by_key(Receipt::guarantee);
        Ok(weakest.unwrap_or(Receipt::Discarded))
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
                .map(|sink| panic_as_error(async move { call(&**sink).await })),
        )
        .await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl DriverEventSink for FanOut {
    forward_to_inner!(publish);

    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let envelope = &envelope;
        self.weakest(self.call_all(|sink| sink.send(envelope.clone())).await)
    }

    fn guarantee(&self) -> Guarantee {
        let guarantees = self.sinks.iter().map(|sink| sink.guarantee());
        guarantees.min().unwrap_or(Guarantee::None)
    }

    /// [`BestEffort`](BatchOrder::BestEffort): behind an event that failed in one sink, the others accept later events.
    fn batch_order(&self) -> BatchOrder {
        BatchOrder::BestEffort
    }

    fn name(&self) -> String {
        format!("FanOut of {}", self.names.join(", "))
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
        by_envelope.into_iter().map(|results| self.weakest(results)).collect()
    }

    async fn flush(&self) -> Result<(), SinkError> {
        all_ok(&self.names, self.call_all(|sink| sink.flush()).await, |()| false).map(drop)
    }

    async fn close(&self) -> Result<(), SinkError> {
        all_ok(&self.names, self.call_all(|sink| sink.close()).await, |()| false).map(drop)
    }
}

/// Returns the future's result, or an error if it panics.
async fn panic_as_error<T>(future: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
    catch_panic(future).await.unwrap_or_else(|panic| {
        let message = format!("panicked: {}", panic_message(&*panic));
        Err(SinkError::new(SinkErrorKind::Fatal, message))
    })
}

/// Formats as `FanOut([SINK, …])`.
impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FanOut").field(&self.sinks).finish()
    }
}

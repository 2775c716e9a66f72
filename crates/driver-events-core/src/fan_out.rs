use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use futures_util::future::join_all;

use crate::batch_results::pad_batch_results;
use crate::fan_out_error::all_ok;
use crate::{DriverEventSink, Envelope, Guarantee, Receipt, SinkError, SinkErrorKind};

/// Sends every event to several sinks at once, and waits for all of them.
///
/// The event is encoded once for all. The receipt is the weakest of the sinks' receipts, as the
/// [guarantee](DriverEventSink::guarantee) is; without any sink it is [`Receipt::Discarded`].
///
/// A sink that fails, or panics, does not keep the event from the others. The error carries each sink's result
/// ([`FanOutError`](crate::FanOutError), its [`source`](std::error::Error::source)). Its kind is the first failure's
/// that is not retryable, else the first failure's: what is retryable is so for all. Its fate is
/// [`NotSent`](crate::Fate::NotSent) only where no sink took the event. To send an event again sends it to all sinks
/// again, those included that took it; its id is the same.
///
/// A sink that hangs holds up the answer, and so the caller: put time limits into the sinks.
///
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
    /// Sends to all of `sinks`; results are listed in their order.
    #[must_use]
    pub fn new(sinks: Vec<Arc<dyn DriverEventSink>>) -> Self {
        Self { sinks }
    }

    /// The sinks, in the order of the results.
    #[must_use]
    pub fn sinks(&self) -> &[Arc<dyn DriverEventSink>] {
        &self.sinks
    }

    /// Gives the sinks back.
    #[must_use]
    pub fn into_sinks(self) -> Vec<Arc<dyn DriverEventSink>> {
        self.sinks
    }

    /// Asks all sinks at once and waits for every answer.
    async fn ask_all<'a, T, F>(&'a self, ask: impl Fn(&'a dyn DriverEventSink) -> F) -> Vec<Result<T, SinkError>>
    where
        F: Future<Output = Result<T, SinkError>>,
    {
        let ask = &ask;
        join_all(self.sinks.iter().map(|sink| caught(async move { ask(&**sink).await }))).await
    }
}

#[async_trait]
impl DriverEventSink for FanOut {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let envelope = &envelope;
        weakest(self.ask_all(|sink| sink.send(envelope.clone())).await)
    }

    fn guarantee(&self) -> Guarantee {
        let guarantees = self.sinks.iter().map(|sink| sink.guarantee());
        guarantees.min().unwrap_or(Guarantee::None)
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let envelopes = &envelopes;
        let answers = self
            .ask_all(|sink| async move { Ok(sink.send_batch(envelopes.clone()).await) })
            .await;
        // One list for each sink becomes one list for each envelope.
        let mut by_envelope: Vec<Vec<_>> = envelopes.iter().map(|_| Vec::with_capacity(answers.len())).collect();
        for answer in answers {
            let (results, failure) = match answer {
                Ok(results) => (results, None),
                Err(failure) => (Vec::new(), Some(failure.to_string())),
            };
            for (all, result) in by_envelope
                .iter_mut()
                .zip(pad_batch_results(results, failure.as_deref()))
            {
                all.push(result);
            }
        }
        by_envelope.into_iter().map(weakest).collect()
    }

    async fn flush(&self) -> Result<(), SinkError> {
        all_ok(self.ask_all(|sink| sink.flush()).await, |()| false).map(drop)
    }

    async fn close(&self) -> Result<(), SinkError> {
        all_ok(self.ask_all(|sink| sink.close()).await, |()| false).map(drop)
    }
}

fn weakest(results: Vec<Result<Receipt, SinkError>>) -> Result<Receipt, SinkError> {
    let receipts = all_ok(results, |receipt| *receipt != Receipt::Discarded)?;
    let weakest = receipts.into_iter().min_by_key(Receipt::guarantee);
    Ok(weakest.unwrap_or(Receipt::Discarded))
}

/// The future's result; a panic in it is an error. A future that panicked is not polled again.
async fn caught<T>(future: impl Future<Output = Result<T, SinkError>>) -> Result<T, SinkError> {
    let mut future = pin!(future);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)))
            .unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
    })
    .await
}

fn panicked(panic: &(dyn Any + Send)) -> SinkError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("the sink panicked: {}", text.unwrap_or("it gave no reason"));
    SinkError::new(SinkErrorKind::Fatal, message)
}

/// `FanOut([SINK, …])`.
impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FanOut").field(&self.sinks).finish()
    }
}

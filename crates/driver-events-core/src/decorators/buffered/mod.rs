pub(crate) mod builder;
pub(crate) mod on_full;
pub(crate) mod stats;

mod buffer;
mod queue;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use self::buffer::Buffer;
use self::on_full::OnFull;
use self::stats::BufferedStats;
use super::forward::forward_to_inner;
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::batch_order::BatchOrder;
use crate::sink::failed_goals::FailedGoals;
use crate::sink::receipt::{Guarantee, Receipt};
use crate::sink::sink_error::{Fate, SinkError, SinkErrorKind};

/// Decorator that keeps events in memory and sends them in the background, so that a caller does not wait for a broker.
///
/// `send` encodes the event, puts it into a bounded buffer and returns [`Receipt::Buffered`]. A worker sends what is there,
/// one batch at a time, in the order of arrival. When the buffer is full, [`OnFull`] decides: the caller chooses, since one
/// choice stops the driver and the others lose events.
///
/// The process's memory is all there is: a crash loses the buffer. Events that must survive it need a sink on disk.
///
/// # Composition
/// - A [`Retry`](crate::Retry) belongs inside. Without it, a broker that is down for a moment costs each event that the
///   worker sends meanwhile.
/// - A [`Stamped`](crate::Stamped) belongs outside: the numbers show readers what was dropped.
/// - Each branch of a [`FanOut`](crate::FanOut) behind a buffer of its own does not delay the others.
///
/// # Guarantee
/// [`Guarantee::Buffered`] with [`OnFull::Wait`]. With the others it is [`Guarantee::None`], because an accepted event may
/// be evicted.
///
/// # Losses
/// Every dropped event is counted in [`stats`](Self::stats) by reason and kind, reported to
/// [`on_drop`](crate::BufferedBuilder::on_drop), and logged by `tracing` (`debug`; the first failure of the inner sink in a row as
/// `warn`). `flush` and `close` fail if accepted events were dropped since the last `flush`.
///
/// `close` waits for the events in the buffer, up to the [`close_timeout`](crate::BufferedBuilder::close_timeout), and then fails
/// with the number that was left. After a drop without `close` the worker still sends what is in the buffer, while the
/// runtime lives.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use driver_events_core::{Backoff, Buffered, DriverEventSink, DriverEventSinkExt, MemoryEventSink, OnFull};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = MemoryEventSink::new(); // In a real program, the sink of a transport.
/// let buffered = Buffered::builder(broker.clone().retried(Backoff::default()), OnFull::DropOldest).build()?;
/// let sink: Arc<dyn DriverEventSink> = Arc::new(buffered.stamped("urn:example:driver")?);
///
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// sink.close().await?;
/// assert_eq!(broker.len(), 1);
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct Buffered<S> {
    buffer: Arc<Buffer>,
    inner: Arc<S>,
    on_full: OnFull,
    max_bytes: usize,
    close_timeout: Duration,
    worker: AbortHandle,
}

impl<S> Buffered<S> {
    /// Returns the inner sink.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the counters.
    #[must_use]
    pub fn stats(&self) -> BufferedStats {
        self.buffer.stats()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for Buffered<S> {
    forward_to_inner!(name, publish);

    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let bytes = envelope.json()?.len();
        if bytes > self.max_bytes {
            let message = format!("event of {bytes} bytes exceeds the buffer's {} bytes", self.max_bytes);
            return Err(SinkError::new(SinkErrorKind::TooLarge, message));
        }
        self.buffer.accept(envelope, bytes).await?;
        Ok(Receipt::Buffered)
    }

    fn guarantee(&self) -> Guarantee {
        match self.on_full {
            OnFull::Wait => Guarantee::Buffered,
            OnFull::DropNewest | OnFull::DropOldest => Guarantee::None,
        }
    }

    fn batch_order(&self) -> BatchOrder {
        BatchOrder::StopsGoal
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        FailedGoals::send_each(envelopes, |envelope| self.send(envelope)).await
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.buffer.settled().await?;
        self.inner.flush().await
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.buffer.close();
        let deadline = Instant::now() + self.close_timeout;
        let drained = match timeout_at(deadline, self.buffer.ended()).await {
            Ok(()) => self.buffer.take_losses(),
            Err(_) => {
                let left = self.buffer.end();
                self.worker.abort();
                let message = format!("closed after {:?} with {left} events left", self.close_timeout);
                Err(SinkError::new(SinkErrorKind::Timeout, message).with_fate(Fate::Unknown))
            }
        };
        // Past the deadline, the inner sink still gets the call.
        let closed = timeout_at(deadline, self.inner.close()).await;
        drained?;
        closed.unwrap_or_else(|_| {
            let message = format!("the inner sink did not close within {:?}", self.close_timeout);
            Err(SinkError::new(SinkErrorKind::Timeout, message))
        })
    }
}

impl<S> Drop for Buffered<S> {
    fn drop(&mut self) {
        self.buffer.close();
    }
}

/// Formats as `Buffered(ON_FULL, INNER)`.
impl<S: fmt::Debug> fmt::Debug for Buffered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Buffered")
            .field(&self.on_full)
            .field(&self.inner)
            .finish()
    }
}

pub(crate) mod batch_order;
pub(crate) mod batch_results;
pub(crate) mod close_guard;
pub(crate) mod failed_goals;
pub(crate) mod memory;
pub(crate) mod noop;
pub(crate) mod receipt;
pub(crate) mod sink_error;

mod forward;

use std::fmt;

use async_trait::async_trait;
use driver_events_types::DriverEvent;

use self::batch_order::BatchOrder;
use self::failed_goals::FailedGoals;
use self::receipt::{Guarantee, Receipt};
use self::sink_error::SinkError;
use crate::envelope::Envelope;

/// Destination for driver events: a transport, a file, memory, or a decorator around another sink.
///
/// A driver loop holds an `Arc<dyn DriverEventSink>` and calls [`publish`](Self::publish). Callers that need the
/// [`Receipt`] or a retry with the same id call [`send`](Self::send) or [`send_batch`](Self::send_batch). Call
/// [`close`](Self::close) before exit.
///
/// # Contract
/// - **Ordering.** Events of one goal are delivered in the order of their `send` calls if each call starts after the
///   previous one returned, and in the order of their batch. Concurrent calls are unordered. After a failure, see
///   [`batch_order`](Self::batch_order).
/// - **Duplicates.** A retry may deliver an event twice, with the same [id](Envelope::id). A reader can drop the second
///   copy with a [`Deduplicator`](crate::Deduplicator).
/// - **Backpressure.** A sink at capacity waits or returns [`Full`](crate::SinkErrorKind::Full). After `Ok`
///   it keeps what the receipt promises; it drops an event on purpose only with [`Receipt::Discarded`]. It never blocks a
///   runtime thread.
/// - **Cancel safety.** The future of any method may be dropped: its event may or may not be published, and the sink
///   stays usable. To retry, send the same envelope: it keeps its id.
/// - **Concurrency.** Every method may be called from many tasks at once.
///
/// # Implementing a sink
/// Implement [`send`](Self::send) and [`guarantee`](Self::guarantee), the two required methods; override the other methods where the transport can
/// do better than their defaults. Test the sink with the `conformance` module (feature `conformance`), which checks this
/// contract.
///
/// # Implementing a decorator
/// Forward every method except [`publish`](Self::publish), which calls the decorator's own `send` as its default does, so
/// no event bypasses the decorator. `#[deny(clippy::missing_trait_methods)]` on the impl finds forgotten methods.
///
/// # Examples
/// ```
/// use std::sync::Mutex;
/// use async_trait::async_trait;
/// use driver_events_core::{DriverEventSink, Envelope, Guarantee, Receipt, SinkError};
///
/// /// Records the kind of each event.
/// #[derive(Debug, Default)]
/// struct Kinds(Mutex<Vec<String>>);
///
/// #[async_trait]
/// impl DriverEventSink for Kinds {
///     async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
///         let mut kinds = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
///         kinds.push(envelope.kind().to_owned());
///         Ok(Receipt::Buffered)
///     }
///
///     fn guarantee(&self) -> Guarantee {
///         Guarantee::Buffered
///     }
/// }
/// ```
#[async_trait]
pub trait DriverEventSink: fmt::Debug + Send + Sync + 'static {
    /// Sends one event and returns how far it got, which is at least the sink's [`guarantee`](Self::guarantee).
    ///
    /// # Errors
    /// [`SinkError::kind`] determines what the caller should do: see [`SinkErrorKind`](crate::SinkErrorKind).
    /// [`SinkError::fate`] is [`Unknown`](crate::Fate::Unknown) if the event may have been delivered despite the error.
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError>;

    /// Returns the minimum guarantee of every receipt that [`send`](Self::send) returns.
    fn guarantee(&self) -> Guarantee;

    /// Returns what [`send_batch`](Self::send_batch) does with the later events of a goal after a failure. Default:
    /// [`BatchOrder::StopsGoal`], as the default `send_batch` does.
    fn batch_order(&self) -> BatchOrder {
        BatchOrder::StopsGoal
    }

    /// Returns the name of the sink in messages, such as `NatsEventSink`. Default: the type without its path. A decorator
    /// returns the name of its inner sink.
    fn name(&self) -> String {
        let path = std::any::type_name::<Self>();
        let path = path.split('<').next().unwrap_or_default();
        path.rsplit("::").next().unwrap_or_default().to_owned()
    }

    /// Sends several events and returns one result per envelope, in the order of the envelopes.
    ///
    /// Events of one goal keep their order. An event that fails for a reason of its own
    /// ([`is_about_event`](SinkError::is_about_event)) does not stop the others. After any other failure,
    /// [`batch_order`](Self::batch_order) says what happens to the later events of the same goal. If the call is cancelled,
    /// each event is either published or not.
    ///
    /// The default implementation calls [`send`](Self::send) for each envelope.
    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        FailedGoals::send_each(envelopes, |envelope| self.send(envelope)).await
    }

    /// Waits until every event accepted before the call has reached the furthest point that the sink can confirm.
    ///
    /// # Errors
    /// Returns an error if an accepted event did not reach that point. The message contains the number of events at
    /// risk if the sink can count them. The sink keeps these events if it can, and the next `flush` retries.
    async fn flush(&self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Flushes and releases the sink's resources. May be called again, also after an error or a cancelled call; returns
    /// `Ok` if nothing is left to flush.
    ///
    /// After `close`, a sink that owns resources rejects events with [`Closed`](crate::SinkErrorKind::Closed). Dropping
    /// a sink without `close` may lose buffered events.
    ///
    /// # Errors
    /// Same as [`flush`](Self::flush).
    async fn close(&self) -> Result<(), SinkError> {
        self.flush().await
    }

    /// Wraps the event in a new [`Envelope`] and sends it. `Ok` means that the sink's [`guarantee`](Self::guarantee)
    /// holds.
    ///
    /// # Errors
    /// Same as [`send`](Self::send). The event is gone then. A caller that retries or keeps a failed event calls `send`
    /// with a clone of one envelope, which has the same id in every attempt:
    ///
    /// ```
    /// # use driver_events_core::{DriverEventSink, Envelope, SinkError};
    /// # use driver_events_types::DriverEvent;
    /// /// Returns the envelope with the error if the event was not sent.
    /// async fn send(sink: &dyn DriverEventSink, event: DriverEvent) -> Result<(), (SinkError, Envelope)> {
    ///     let envelope = Envelope::new(event);
    ///     match sink.send(envelope.clone()).await {
    ///         Ok(_) => Ok(()),
    ///         Err(error) => Err((error, envelope)),
    ///     }
    /// }
    /// ```
    async fn publish(&self, event: DriverEvent) -> Result<(), SinkError> {
        self.send(Envelope::new(event)).await.map(drop)
    }
}

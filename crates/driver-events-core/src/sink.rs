use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use driver_events_types::DriverEvent;

use crate::{Envelope, Guarantee, Receipt, SinkError};

/// Something that takes events: a transport, a file, memory, or a decorator around another sink.
///
/// A driver loop holds an `Arc<dyn DriverEventSink>` and calls `sink.publish(event).await?`. Everything else is for
/// those who want to know how far an event came ([`send`](Self::send)), send many ([`send_batch`](Self::send_batch)),
/// or end well ([`close`](Self::close)).
///
/// # What holds for every sink
/// - **Order.** Events of one goal whose `send` calls follow one another (the next begins after the last returned, or
///   they stand in one batch) are delivered in that order. Concurrent calls have no order among themselves.
/// - **Duplicates.** A sink may deliver an event twice, after a retry, with the same [id](Envelope::id). Readers that
///   care remove the second ([`Deduplicator`](crate::Deduplicator)).
/// - **Backpressure.** A sink that has no room waits or fails with [`Full`](crate::SinkErrorKind::Full). It never
///   drops an event for which it returned `Ok`, unless the receipt says so, and never blocks a thread of the runtime.
/// - **Cancellation.** Dropping the future of any method leaves the event published or not, and the sink sound. The
///   same envelope can be sent again: its id is the same.
/// - **Concurrency.** Every method may be called from many tasks at once.
///
/// # Writing a sink
/// Implement [`send`](Self::send), and override what the transport can do better. The suite in `conformance` (feature
/// of the same name) tests the above.
///
/// # Writing a decorator
/// Forward every method except [`publish`](Self::publish), which stays as it is: it goes through the decorator's own
/// `send`, so that none can be bypassed.
///
/// ```
/// use std::sync::Mutex;
/// use async_trait::async_trait;
/// use driver_events_core::{DriverEventSink, Envelope, Receipt, SinkError};
///
/// /// Remembers the kinds that passed.
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
/// }
/// ```
#[async_trait]
pub trait DriverEventSink: fmt::Debug + Send + Sync + 'static {
    /// Takes one event as far as [`guarantee`](Self::guarantee) says, or further: the receipt tells.
    ///
    /// # Errors
    /// See [`SinkErrorKind`](crate::SinkErrorKind) for what to do. [`SinkError::fate`] says whether the event may have
    /// been delivered all the same.
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError>;

    /// The least that `Ok` of [`send`](Self::send) promises.
    fn guarantee(&self) -> Guarantee {
        Guarantee::None
    }

    /// Takes many events, and answers for each in the same place of the list.
    ///
    /// Events of one goal keep their order. One that can never be sent does not stop the others. Where one fails for a
    /// reason that may pass, what follows it in its goal may be delivered before it is sent again, unless the sink leaves
    /// it untried, as it should where it can. Cancelling the call leaves each event published or not.
    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut results = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            results.push(self.send(envelope).await);
        }
        results
    }

    /// Waits until everything that was accepted before the call has gone as far as this sink can tell.
    ///
    /// # Errors
    /// Some accepted event did not get there; the message says how many are at risk where the sink knows. They are
    /// held where the sink can hold them, and another `flush` tries again.
    async fn flush(&self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Flushes, and gives back what the sink owns. May be called again, with the same result as a `flush` of nothing.
    ///
    /// A sink that owns resources refuses what comes afterwards with [`Closed`](crate::SinkErrorKind::Closed). A sink
    /// that is dropped without `close` may lose what it only buffered.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    async fn close(&self) -> Result<(), SinkError> {
        self.flush().await
    }

    /// Sends an event in a new [`Envelope`]: what a driver loop calls. `Ok` promises what
    /// [`guarantee`](Self::guarantee) says.
    ///
    /// # Errors
    /// As [`send`](Self::send). A caller that wants to try again after an error calls `send` with an envelope of its
    /// own, so that both tries have the same id.
    async fn publish(&self, event: DriverEvent) -> Result<(), SinkError> {
        self.send(Envelope::new(event)).await.map(drop)
    }
}

/// What a method of the trait returns, as async-trait writes it. Those that only pass a call on pass its future on, and
/// take no box of their own.
type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink + ?Sized> DriverEventSink for Arc<S> {
    fn send<'a, 'b>(&'a self, envelope: Envelope) -> Call<'b, Result<Receipt, SinkError>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).send(envelope)
    }

    fn guarantee(&self) -> Guarantee {
        (**self).guarantee()
    }

    fn send_batch<'a, 'b>(&'a self, envelopes: Vec<Envelope>) -> Call<'b, Vec<Result<Receipt, SinkError>>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).send_batch(envelopes)
    }

    fn flush<'a, 'b>(&'a self) -> Call<'b, Result<(), SinkError>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).flush()
    }

    fn close<'a, 'b>(&'a self) -> Call<'b, Result<(), SinkError>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).close()
    }

    fn publish<'a, 'b>(&'a self, event: DriverEvent) -> Call<'b, Result<(), SinkError>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).publish(event)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink + ?Sized> DriverEventSink for Box<S> {
    fn send<'a, 'b>(&'a self, envelope: Envelope) -> Call<'b, Result<Receipt, SinkError>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).send(envelope)
    }

    fn guarantee(&self) -> Guarantee {
        (**self).guarantee()
    }

    fn send_batch<'a, 'b>(&'a self, envelopes: Vec<Envelope>) -> Call<'b, Vec<Result<Receipt, SinkError>>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).send_batch(envelopes)
    }

    fn flush<'a, 'b>(&'a self) -> Call<'b, Result<(), SinkError>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).flush()
    }

    fn close<'a, 'b>(&'a self) -> Call<'b, Result<(), SinkError>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).close()
    }

    fn publish<'a, 'b>(&'a self, event: DriverEvent) -> Call<'b, Result<(), SinkError>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).publish(event)
    }
}

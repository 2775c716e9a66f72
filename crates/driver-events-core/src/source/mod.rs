pub(crate) mod delivery;
pub(crate) mod malformed;
pub(crate) mod ndjson;
pub(crate) mod payload;
pub(crate) mod position;
pub(crate) mod source_error;

use std::fmt;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::{Stream, unfold};

use self::delivery::Delivery;
use self::source_error::SourceError;

/// Source of driver events: a file, a subscription, a stream or a consumer group.
///
/// Returns one delivery at a time, in the order of the source. Events of one goal arrive in the order in which they were
/// published, unless the source's documentation says otherwise, for example for redelivered events.
#[async_trait]
pub trait DriverEventSource: fmt::Debug + Send {
    /// Waits for the next delivery. Returns `None` at the end of the source, and for every call after that.
    ///
    /// A malformed message is a delivery too and never stops the source: see [`Delivery::envelope`].
    ///
    /// # Errors
    /// Returns an error if the source itself fails. After a [retryable](SourceError::is_retryable) one, the next call resumes
    /// where this one failed. After any other one, the source is finished: `None` follows.
    ///
    /// # Cancel safety
    /// Dropping the future loses no delivery.
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>>;

    /// Waits until the acks made so far have arrived, releases deliveries that are not settled, and leaves the group, if
    /// there is one. Acks nothing itself. Afterwards [`next`](Self::next) returns `None`. May be called again. Default: does
    /// nothing, for a source without acks and resources.
    ///
    /// A source that is dropped without `close` may lose acks: their events are redelivered.
    ///
    /// # Errors
    /// Acks may be lost: expect redelivery. The source is closed all the same.
    ///
    /// # Cancel safety
    /// A dropped call may lose acks. The source stays usable: it is closed or can be closed again.
    async fn close(&mut self) -> Result<(), SourceError> {
        Ok(())
    }
}

/// Methods of every source.
pub trait DriverEventSourceExt: DriverEventSource + Sized {
    /// Returns the deliveries as a [`Stream`], which ends with the source.
    ///
    /// ```
    /// use std::pin::pin;
    /// use driver_events_core::{Delivery, DriverEventSourceExt, NdjsonSource};
    /// use futures_util::TryStreamExt;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let lines = br#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"stuck"}"#;
    /// let mut deliveries = pin!(NdjsonSource::new("-", &lines[..]).into_stream());
    /// while let Some(delivery) = deliveries.try_next().await? {
    ///     assert!(delivery.envelope().is_ok());
    ///     delivery.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(example()).unwrap();
    /// ```
    fn into_stream(self) -> impl Stream<Item = Result<Delivery, SourceError>> + Send {
        unfold(self, async |mut source| source.next().await.map(|item| (item, source)))
    }
}

impl<S: DriverEventSource> DriverEventSourceExt for S {}

#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSource + ?Sized> DriverEventSource for Box<S> {
    // The signatures are those that async-trait generates, so that the futures are not boxed twice.

    fn next<'a, 'b>(&'a mut self) -> BoxFuture<'b, Option<Result<Delivery, SourceError>>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).next()
    }

    fn close<'a, 'b>(&'a mut self) -> BoxFuture<'b, Result<(), SourceError>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).close()
    }
}

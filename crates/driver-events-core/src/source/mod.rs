pub(crate) mod delivery;
pub(crate) mod malformed;
pub(crate) mod ndjson;
pub(crate) mod position;
pub(crate) mod source_error;

use std::fmt;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

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
    /// Returns an error if the source itself fails. [`SourceErrorKind`](crate::SourceErrorKind) says what to do; after a
    /// retryable error, the next call resumes where this one failed.
    ///
    /// # Cancel safety
    /// Dropping the future loses no delivery.
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>>;
}

#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSource + ?Sized> DriverEventSource for Box<S> {
    /// Has the signature that async-trait generates, so that the future is not boxed twice.
    fn next<'a, 'b>(&'a mut self) -> BoxFuture<'b, Option<Result<Delivery, SourceError>>>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).next()
    }
}

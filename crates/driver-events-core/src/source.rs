use std::fmt;

use async_trait::async_trait;

use crate::{Delivery, SourceError};

/// Something that events are read from: a file, a subscription, a consumer group.
///
/// One thing at a time, in the order in which the source has them; per goal that is the order in which they were
/// published.
#[async_trait]
pub trait DriverEventSource: fmt::Debug + Send {
    /// Waits for the next delivery; `None` when the source has come to its end, and from then on.
    ///
    /// What is malformed is a delivery too: it never stops the source.
    ///
    /// # Errors
    /// The source itself failed; see [`SourceErrorKind`](crate::SourceErrorKind). Unless the kind says otherwise,
    /// calling again goes on where it stopped.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>>;
}

#[async_trait]
impl<S: DriverEventSource + ?Sized> DriverEventSource for Box<S> {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        (**self).next().await
    }
}

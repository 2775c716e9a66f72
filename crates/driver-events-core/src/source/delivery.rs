use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::malformed::Malformed;
use super::position::Position;
use super::source_error::SourceError;
use crate::envelope::Envelope;

/// Event or malformed message received from a source.
///
/// Settle it after processing: [`ack`](Self::ack), [`nack`](Self::nack) or [`reject`](Self::reject). If it is
/// dropped unsettled, a source with redelivery delivers it again later; the source's documentation says when.
#[derive(Debug)]
pub struct Delivery {
    /// Boxed, since each delivery is moved several times and few are malformed.
    content: Result<Envelope, Box<Malformed>>,
    position: Position,
    raw: Option<Bytes>,
    settle: Option<Box<dyn Settle>>,
}

impl Delivery {
    /// Creates a delivery of a source without acks: settling it does nothing and returns `Ok`.
    #[must_use]
    pub fn new(content: Result<Envelope, Malformed>, position: Position) -> Self {
        Self {
            content: content.map_err(Box::new),
            position,
            raw: None,
            settle: None,
        }
    }

    /// Sets the received bytes, for sources whose message or line contains more than the event's JSON.
    #[must_use]
    pub fn with_raw(mut self, raw: Bytes) -> Self {
        self.raw = Some(raw);
        self
    }

    /// Sets the handler of [`ack`](Self::ack), [`nack`](Self::nack) and [`reject`](Self::reject).
    #[must_use]
    pub fn with_settle(mut self, settle: impl Settle) -> Self {
        self.settle = Some(Box::new(settle));
        self
    }

    /// Returns the event.
    ///
    /// # Errors
    /// Returns [`Malformed`] if the received bytes are not a valid event. [`reject`](Self::reject) the delivery and
    /// continue: the source does.
    pub fn envelope(&self) -> Result<&Envelope, &Malformed> {
        self.content.as_ref().map_err(|malformed| &**malformed)
    }

    /// Returns the event without settling the delivery: a source with redelivery delivers it again. For sources without
    /// acks, and for readers that only look.
    ///
    /// # Errors
    /// Same as [`envelope`](Self::envelope).
    pub fn into_envelope(self) -> Result<Envelope, Malformed> {
        self.content.map_err(|malformed| *malformed)
    }

    /// Returns the received bytes, including the line ending and the CloudEvent around the event, if any. `None` if the
    /// source does not keep the bytes of valid events.
    #[must_use]
    pub fn raw(&self) -> Option<&Bytes> {
        match &self.content {
            Ok(_) => self.raw.as_ref(),
            Err(malformed) => Some(malformed.raw()),
        }
    }

    /// Returns the location of the delivery in its source.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Acknowledges the delivery as processed, so that the source does not redeliver it.
    ///
    /// # Errors
    /// Returns an error if the ack may not have reached the broker. The delivery may then be redelivered.
    pub async fn ack(self) -> Result<(), SourceError> {
        match self.settle {
            Some(settle) => settle.ack().await,
            None => Ok(()),
        }
    }

    /// Requests redelivery after `delay`. Has no effect if the source does not support redelivery.
    ///
    /// # Errors
    /// Returns an error if the nack may not have reached the broker. The source then decides when to redeliver.
    pub async fn nack(self, delay: Duration) -> Result<(), SourceError> {
        match self.settle {
            Some(settle) => settle.nack(delay).await,
            None => Ok(()),
        }
    }

    /// Rejects the delivery as impossible to process. Depending on its configuration, the source drops it or moves it to
    /// the dead-letter queue with `reason`.
    ///
    /// # Errors
    /// Returns an error if the rejection may not have reached the broker. The delivery may then be redelivered.
    pub async fn reject(self, reason: &str) -> Result<(), SourceError> {
        match self.settle {
            Some(settle) => settle.reject(reason).await,
            None => Ok(()),
        }
    }
}

/// Settles one [`Delivery`]. Implemented by sources that support redelivery.
#[async_trait]
pub trait Settle: fmt::Debug + Send + Sync + 'static {
    /// Implements [`Delivery::ack`].
    async fn ack(self: Box<Self>) -> Result<(), SourceError>;

    /// Implements [`Delivery::nack`].
    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError>;

    /// Implements [`Delivery::reject`].
    async fn reject(self: Box<Self>, reason: &str) -> Result<(), SourceError>;
}

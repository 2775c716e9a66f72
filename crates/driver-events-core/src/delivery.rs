use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_types::DecodeError;

use crate::decode_reason::decode_reason;
use crate::{Envelope, SourceError};

/// Event or malformed message received from a source.
///
/// Settle it after processing: [`ack`](Self::ack), [`nack`](Self::nack) or [`reject`](Self::reject). If it is
/// dropped unsettled, a source with redelivery delivers it again later; the source's documentation says when.
#[derive(Debug)]
pub struct Delivery {
    content: Result<Envelope, Malformed>,
    position: Position,
    raw: Option<Bytes>,
    settle: Option<Box<dyn Settle>>,
}

impl Delivery {
    /// Creates a delivery of a source without acks: settling it does nothing and returns `Ok`.
    #[must_use]
    pub fn new(content: Result<Envelope, Malformed>, position: Position) -> Self {
        Self {
            content,
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
        self.content.as_ref()
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

/// Location of a delivery in its source.
///
/// Displayed as `NAME:LINE`, `SUBJECT#NUMBER`, `STREAM#SEQUENCE` or `TOPIC[PARTITION]#OFFSET`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Position {
    /// Line of text.
    Line {
        /// Name of the file, or `-` for standard input.
        name: Arc<str>,
        /// Line number, from 1.
        line: u64,
        /// Byte offset of the delivery in the text, from 0.
        offset: u64,
    },
    /// Message of a subscription without storage, such as core NATS.
    Subject {
        /// Subject of the message.
        subject: Arc<str>,
        /// Number of the message in the subscription, from 1. Dropped messages are counted too.
        number: u64,
    },
    /// Message of a stream.
    Stream {
        /// Name of the stream.
        stream: Arc<str>,
        /// Sequence in the stream.
        sequence: u64,
    },
    /// Record of a partition of a topic.
    Partition {
        /// Name of the topic.
        topic: Arc<str>,
        /// Number of the partition.
        partition: i32,
        /// Offset in the partition.
        offset: u64,
    },
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { name, line, .. } => write!(f, "{name}:{line}"),
            Self::Subject { subject, number } => write!(f, "{subject}#{number}"),
            Self::Stream { stream, sequence } => write!(f, "{stream}#{sequence}"),
            Self::Partition {
                topic,
                partition,
                offset,
            } => write!(f, "{topic}[{partition}]#{offset}"),
        }
    }
}

/// Received bytes that are not a valid event, with the reason and the position of the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    raw: Bytes,
    reason: String,
    offset: usize,
    is_continuation: bool,
}

impl Malformed {
    /// Creates a malformed message. `offset` is the position of the error in `raw`, in bytes from 0.
    #[must_use]
    pub fn new(raw: Bytes, reason: impl Into<String>, offset: usize) -> Self {
        Self {
            raw,
            reason: reason.into(),
            offset,
            is_continuation: false,
        }
    }

    /// Creates a malformed message from a decode error. The reason is `KIND.PATH: MESSAGE`: short, on one line and
    /// without terminal escapes, whatever the bytes contain.
    ///
    /// The offset is that of the error, so `raw` must start with the event.
    #[must_use]
    pub fn undecodable(raw: Bytes, error: &DecodeError) -> Self {
        Self::new(raw, decode_reason(error), error.offset())
    }

    /// Marks the bytes as a continuation of the previous delivery: see [`is_continuation`](Self::is_continuation).
    #[must_use]
    pub fn into_continuation(mut self) -> Self {
        self.is_continuation = true;
        self
    }

    /// Returns the received bytes, including the line ending, if any.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Returns a description of the error, without its position.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns the position of the error in [`raw`](Self::raw), in bytes from 0.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the position of the error as a column, in bytes from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.offset + 1
    }

    /// Returns whether these bytes continue the previous delivery. Input too large to buffer is delivered in parts, so
    /// that the caller can dead-letter all of it. Count the parts as one malformed message.
    #[must_use]
    pub fn is_continuation(&self) -> bool {
        self.is_continuation
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Malformed {}

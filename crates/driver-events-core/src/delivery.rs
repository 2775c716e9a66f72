use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_types::DecodeError;

use crate::decode_reason::reason_of;
use crate::{Envelope, SourceError};

/// One thing that a source delivered: an event, or something that is none.
///
/// Answer it when the work is done: [`ack`](Self::ack), [`nack`](Self::nack) or [`reject`](Self::reject). A delivery
/// that is dropped without an answer comes again where the source can deliver again.
#[derive(Debug)]
pub struct Delivery {
    content: Result<Envelope, Malformed>,
    position: Position,
    raw: Option<Bytes>,
    settle: Option<Box<dyn Settle>>,
}

impl Delivery {
    /// A delivery of a source that wants no answer.
    #[must_use]
    pub fn new(content: Result<Envelope, Malformed>, position: Position) -> Self {
        Self {
            content,
            position,
            raw: None,
            settle: None,
        }
    }

    /// Sets the bytes that the event came in, where they are more than its JSON.
    #[must_use]
    pub fn with_raw(mut self, raw: Bytes) -> Self {
        self.raw = Some(raw);
        self
    }

    /// Sets who is told the answer.
    #[must_use]
    pub fn with_settle(mut self, settle: impl Settle) -> Self {
        self.settle = Some(Box::new(settle));
        self
    }

    /// The event.
    ///
    /// # Errors
    /// What was delivered is no event. Put it aside and go on: the source does.
    pub fn envelope(&self) -> Result<&Envelope, &Malformed> {
        self.content.as_ref()
    }

    /// The bytes as they were received: of a line its ending, and the CloudEvent around the event, included. None where
    /// the source does not keep them.
    #[must_use]
    pub fn raw(&self) -> Option<&Bytes> {
        match &self.content {
            Ok(_) => self.raw.as_ref(),
            Err(malformed) => Some(malformed.raw()),
        }
    }

    /// Where the source has it.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Says that the work is done: it will not be delivered again.
    ///
    /// # Errors
    /// The answer may not have arrived, and the delivery may come again.
    pub async fn ack(self) -> Result<(), SourceError> {
        match self.settle {
            Some(settle) => settle.ack().await,
            None => Ok(()),
        }
    }

    /// Asks for it again after `delay`, where the source can deliver again.
    ///
    /// # Errors
    /// The answer may not have arrived; the delivery comes again when the source decides.
    pub async fn nack(self, delay: Duration) -> Result<(), SourceError> {
        match self.settle {
            Some(settle) => settle.nack(delay).await,
            None => Ok(()),
        }
    }

    /// Says that it can never be worked on, and why: it is put aside or dropped, as the source is set up.
    ///
    /// # Errors
    /// The answer may not have arrived, and the delivery may come again.
    pub async fn reject(self, why: &str) -> Result<(), SourceError> {
        match self.settle {
            Some(settle) => settle.reject(why).await,
            None => Ok(()),
        }
    }
}

/// Who is told the answer to a [`Delivery`]: implemented by sources that deliver again what was not acknowledged.
#[async_trait]
pub trait Settle: fmt::Debug + Send + Sync + 'static {
    /// See [`Delivery::ack`].
    async fn ack(self: Box<Self>) -> Result<(), SourceError>;

    /// See [`Delivery::nack`].
    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError>;

    /// See [`Delivery::reject`].
    async fn reject(self: Box<Self>, why: &str) -> Result<(), SourceError>;
}

/// Where a source has a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Position {
    /// A line of text.
    Line {
        /// The name of the file, or `-`.
        name: Arc<str>,
        /// The line, from 1.
        line: u64,
        /// The first byte, from 0.
        offset: u64,
    },
    /// A message that came on a subject, of a broker that keeps none.
    Subject {
        /// The subject.
        subject: Arc<str>,
        /// Counts the messages of the subscription, those that were dropped too, from 1.
        number: u64,
    },
    /// A message that a broker keeps.
    Stream {
        /// The stream.
        stream: Arc<str>,
        /// Its sequence in the stream.
        sequence: u64,
    },
    /// A record in a partition of a topic.
    Partition {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Its offset in the partition.
        offset: u64,
    },
}

/// `NAME:LINE`, `SUBJECT#NUMBER`, `STREAM#SEQUENCE` or `TOPIC[PARTITION]#OFFSET`.
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

/// Something that was delivered and is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    raw: Bytes,
    reason: String,
    offset: usize,
    is_continuation: bool,
}

impl Malformed {
    /// The bytes, what is wrong with them, and the place of the fault in them, in bytes from 0.
    #[must_use]
    pub fn new(raw: Bytes, reason: impl Into<String>, offset: usize) -> Self {
        Self {
            raw,
            reason: reason.into(),
            offset,
            is_continuation: false,
        }
    }

    /// Bytes that are no event, and why. The reason is `KIND.PATH: MESSAGE`: short, on one line, and harmless to a
    /// terminal, whatever the bytes are. The place of the fault counts from where the event begins in `raw`.
    #[must_use]
    pub fn undecodable(raw: Bytes, error: &DecodeError) -> Self {
        Self::new(raw, reason_of(error), error.offset())
    }

    /// Marks the bytes as more of what the delivery before this one began.
    #[must_use]
    pub fn into_continuation(mut self) -> Self {
        self.is_continuation = true;
        self
    }

    /// The bytes as they were received, of a line its ending included.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// What is wrong, in words, without the place.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The place of the fault in [`raw`](Self::raw), in bytes from 0.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The place of the fault as a column of a line, in bytes from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.offset + 1
    }

    /// Whether this is more of what the delivery before it began: something too large to be held in memory comes in
    /// parts, so that it can be put aside whole. It is one malformed thing all the same.
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

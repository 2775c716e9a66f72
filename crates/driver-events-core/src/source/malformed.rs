use bytes::Bytes;
use driver_events_types::DecodeError;

/// Received bytes that are not a valid event, with the reason and the position of the error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
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
        Self::new(raw, error.reason(), error.offset())
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

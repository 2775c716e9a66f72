use std::error::Error;

use driver_events_types::{EncodeError, EncodeErrorKind};

/// Error of a sink operation.
///
/// Match on [`kind`](Self::kind) to decide what to do. Check [`fate`](Self::fate) to learn whether the event may have
/// been delivered despite the error. `Display` does not include the underlying error: see [`source`](Error::source).
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    kind: SinkErrorKind,
    fate: Fate,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Category of a [`SinkError`]: one kind for each reaction of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SinkErrorKind {
    /// The event cannot be encoded as JSON. Fix the event; do not retry.
    Encode,
    /// The event exceeds a size limit of the codec or the transport. Shorten it, or raise the limit on both sides.
    TooLarge,
    /// The transport or the broker permanently rejects this event, for example because it has no subject. Send it to a
    /// dead-letter queue and continue; do not retry.
    Rejected,
    /// The sink is at capacity and sent nothing. Retry with backoff, or shed load.
    Full,
    /// No ack arrived within the timeout. Retry with the same envelope: its id lets the broker or the reader remove a
    /// duplicate.
    Timeout,
    /// The connection is down, or the operating system failed the write. Retry with backoff, with the same envelope.
    Disconnected,
    /// The credentials are invalid or a permission is missing. Alert the operator; retries fail until it is fixed.
    Unauthorized,
    /// The sink was closed, or the receiving end is gone for good. Create a new sink.
    Closed,
    /// The sink is broken and cannot recover. Alert the operator and create a new sink.
    Fatal,
}

/// Whether an event may have been delivered although its `send` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// The event was not sent and will not be.
    NotSent,
    /// The event may have been delivered, or may still be.
    Unknown,
}

impl SinkError {
    /// Creates an error without a source. Its fate is `Unknown` for `Timeout`, `Disconnected` and `Fatal`, and `NotSent`
    /// for all other kinds.
    #[must_use]
    pub fn new(kind: SinkErrorKind, message: impl Into<String>) -> Self {
        let fate = match kind {
            SinkErrorKind::Timeout | SinkErrorKind::Disconnected | SinkErrorKind::Fatal => Fate::Unknown,
            SinkErrorKind::Encode
            | SinkErrorKind::TooLarge
            | SinkErrorKind::Rejected
            | SinkErrorKind::Full
            | SinkErrorKind::Unauthorized
            | SinkErrorKind::Closed => Fate::NotSent,
        };
        Self {
            kind,
            fate,
            message: message.into(),
            source: None,
        }
    }

    /// Sets the underlying error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets the fate of the event. Default: depends on the kind, see [`new`](Self::new).
    #[must_use]
    pub fn with_fate(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }

    /// Returns the category of the error.
    #[must_use]
    pub fn kind(&self) -> SinkErrorKind {
        self.kind
    }

    /// Returns whether the event may have been delivered despite the error.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate
    }

    /// Returns `true` for `Full`, `Timeout` and `Disconnected`: the same call may succeed later without a change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            SinkErrorKind::Full | SinkErrorKind::Timeout | SinkErrorKind::Disconnected
        )
    }
}

impl From<EncodeError> for SinkError {
    fn from(error: EncodeError) -> Self {
        let (kind, message) = match error.kind() {
            EncodeErrorKind::TooLarge => (SinkErrorKind::TooLarge, "event is too large"),
            _ => (SinkErrorKind::Encode, "cannot encode the event as JSON"),
        };
        Self::new(kind, message).with_source(error)
    }
}

impl From<&EncodeError> for SinkError {
    fn from(error: &EncodeError) -> Self {
        error.clone().into()
    }
}

use std::error::Error;

/// Error of a source or of settling a delivery.
///
/// [`is_retryable`](Self::is_retryable) says whether to call again; [`kind`](Self::kind) says more. `Display` does not include
/// the underlying error: see [`source`](Error::source).
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    kind: SourceErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Category of a [`SourceError`]: one kind for each reaction of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// No reply arrived within the timeout. Retry.
    Timeout,
    /// The connection is down, or the operating system failed the read. Retry with backoff.
    Disconnected,
    /// The reader was too slow and deliveries were dropped, or the broker deleted them first; the message contains their
    /// number. Retry: later deliveries are still available. To avoid the loss, read faster or use a broker that stores events.
    Lagged,
    /// The credentials are invalid or a permission is missing. Alert the operator and retry: the source goes on once it is
    /// fixed.
    Unauthorized,
    /// The source was closed, or the stream or file behind it is gone. It is finished: create a new one.
    Closed,
    /// The source is broken and cannot recover. It is finished: alert the operator and create a new one.
    Fatal,
}

impl SourceError {
    /// Creates an error without a source.
    #[must_use]
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
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

    /// Returns the category of the error.
    #[must_use]
    pub fn kind(&self) -> SourceErrorKind {
        self.kind
    }

    /// Returns `false` for `Closed` and `Fatal`: the source is finished. After any other error, call again: it may succeed
    /// once the broker, the network or an operator has restored what it needs.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            SourceErrorKind::Closed | SourceErrorKind::Fatal => false,
            SourceErrorKind::Timeout
            | SourceErrorKind::Disconnected
            | SourceErrorKind::Lagged
            | SourceErrorKind::Unauthorized => true,
        }
    }
}

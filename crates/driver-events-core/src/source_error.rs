use std::error::Error;
use std::fmt;

/// Why a source did not do what it was asked.
#[derive(Debug)]
pub struct SourceError {
    kind: SourceErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What went wrong, by what the caller should do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// No answer came in time. Call again.
    Timeout,
    /// The connection is down, or the operating system refused the read. Call again, after a pause.
    Disconnected,
    /// The reader was too slow and deliveries were dropped; the message says how many. Call again: what follows is
    /// there. Read faster, or from a broker that keeps what was published.
    Lagged,
    /// The credentials are wrong or the permission is missing. Tell a person.
    Unauthorized,
    /// The source was closed, or what it reads is gone. Make a new one.
    Closed,
    /// The source is broken and cannot mend itself. Make a new one, and tell a person.
    Fatal,
}

impl SourceError {
    /// An error without a source.
    #[must_use]
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Sets what lies beneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, by what the caller should do about it.
    #[must_use]
    pub fn kind(&self) -> SourceErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later with nothing changed: `Timeout`, `Disconnected` and
    /// `Lagged`.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            SourceErrorKind::Timeout | SourceErrorKind::Disconnected | SourceErrorKind::Lagged
        )
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

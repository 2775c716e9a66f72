use std::error::Error;
use std::fmt;

use driver_events_core::{Fate, SinkError, SinkErrorKind, SourceError, SourceErrorKind};

/// Why a connection, a sink or a source could not be made.
///
/// Opaque: [`kind`](Self::kind) says what the caller should do, [`source`](Error::source) what lies beneath. Secrets
/// appear in neither.
#[derive(Debug)]
pub struct SetupError {
    kind: SetupErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What went wrong, by what the caller should do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SetupErrorKind {
    /// An option is wrong: a server that is no URL, a file that cannot be read, a prefix that is no subject. Correct it.
    Invalid,
    /// The server refuses the credentials, or a permission is missing. Tell a person.
    Unauthorized,
    /// The server's certificate is not trusted, or the server does not trust the client's. Tell a person.
    Tls,
    /// No server answered. Try again later, or let the connection
    /// [be made in the background](crate::NatsOptions::connect_in_background).
    Unreachable,
    /// The stream does not exist. [Make it](crate::ensure_stream), or correct the name.
    NoStream,
    /// The stream does not take the events, or would break what the sink promises. The message says what to change.
    UnfitStream,
    /// The durable consumer exists, and is another than is wanted. Choose another name, or delete it.
    UnfitConsumer,
}

impl SetupError {
    pub(crate) fn new(kind: SetupErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(SetupErrorKind::Invalid, message)
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, by what the caller should do about it.
    #[must_use]
    pub fn kind(&self) -> SetupErrorKind {
        self.kind
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SetupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// For callers who make a sink where they need it: unreachable is [`Disconnected`](SinkErrorKind::Disconnected), and
/// what only a person can mend is [`Unauthorized`](SinkErrorKind::Unauthorized) or [`Fatal`](SinkErrorKind::Fatal).
impl From<SetupError> for SinkError {
    fn from(error: SetupError) -> Self {
        let kind = match error.kind {
            SetupErrorKind::Unauthorized => SinkErrorKind::Unauthorized,
            SetupErrorKind::Unreachable => SinkErrorKind::Disconnected,
            SetupErrorKind::Invalid
            | SetupErrorKind::Tls
            | SetupErrorKind::NoStream
            | SetupErrorKind::UnfitStream
            | SetupErrorKind::UnfitConsumer => SinkErrorKind::Fatal,
        };
        Self::new(kind, "the connection to NATS could not be made")
            .with_fate(Fate::NotSent)
            .with_source(error)
    }
}

/// As for sinks.
impl From<SetupError> for SourceError {
    fn from(error: SetupError) -> Self {
        let kind = match error.kind {
            SetupErrorKind::Unauthorized => SourceErrorKind::Unauthorized,
            SetupErrorKind::Unreachable => SourceErrorKind::Disconnected,
            SetupErrorKind::Invalid
            | SetupErrorKind::Tls
            | SetupErrorKind::NoStream
            | SetupErrorKind::UnfitStream
            | SetupErrorKind::UnfitConsumer => SourceErrorKind::Fatal,
        };
        Self::new(kind, "the connection to NATS could not be made").with_source(error)
    }
}

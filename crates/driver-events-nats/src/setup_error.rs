use std::error::Error;
use std::fmt;

use driver_events_core::{Fate, SinkError, SinkErrorKind, SourceError, SourceErrorKind};

/// Error of creating a connection, a sink or a source.
///
/// [`kind`](Self::kind) determines how the caller should react; [`source`](Error::source) is the cause. Contains no secrets.
#[derive(Debug)]
pub struct SetupError {
    kind: SetupErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Kind of a [`SetupError`], by the caller's reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SetupErrorKind {
    /// Invalid option, for example a server URL, a file or a prefix. Correct it.
    Invalid,
    /// The server rejects the credentials, or a permission is missing. Needs an operator.
    Unauthorized,
    /// Untrusted certificate of the server or the client. Needs an operator.
    Tls,
    /// No server replied. Retry, or [connect in the background](crate::NatsOptions::connect_in_background).
    Unreachable,
    /// The stream does not exist. [Create it](crate::ensure_stream), or correct the name.
    NoStream,
    /// The stream does not capture the events, or its settings break a guarantee of the sink. The message names the setting
    /// to change.
    UnfitStream,
    /// The durable consumer exists with other settings. Choose another name, or delete it.
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

    /// Returns the kind of the error.
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

/// Converts [`Unreachable`](SetupErrorKind::Unreachable) to [`Disconnected`](SinkErrorKind::Disconnected),
/// [`Unauthorized`](SetupErrorKind::Unauthorized) to [`Unauthorized`](SinkErrorKind::Unauthorized), every other kind to
/// [`Fatal`](SinkErrorKind::Fatal).
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
        Self::new(kind, "cannot connect to NATS")
            .with_fate(Fate::NotSent)
            .with_source(error)
    }
}

/// Converts kinds as the conversion to [`SinkError`].
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
        Self::new(kind, "cannot connect to NATS").with_source(error)
    }
}

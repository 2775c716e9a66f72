use std::error::Error;

use crate::sink::sink_error::{Fate, SinkError, SinkErrorKind};
use crate::source::source_error::{SourceError, SourceErrorKind};

/// Error of creating a connection, a sink, a source, a stream or a topic.
///
/// Match on [`kind`](Self::kind) to decide what to do. `Display` does not include the underlying error: see
/// [`source`](Error::source). Neither contains secrets.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SetupError {
    kind: SetupErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Category of a [`SetupError`]: one kind for each reaction of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SetupErrorKind {
    /// An option is invalid or would weaken a guarantee, for example a URL, a property or a name. Correct it.
    Invalid,
    /// The server rejects the credentials, or a permission is missing. Alert the operator.
    Unauthorized,
    /// The certificate of the server or the client is not trusted. Alert the operator.
    Tls,
    /// No server replied, or the server cannot do it now, for example because a limit is reached. Retry with backoff; the
    /// message says how to raise the limit.
    Unreachable,
    /// A stream or topic does not exist, or is not visible with these permissions. Create it, or correct its name.
    NotFound,
    /// A stream, topic or consumer exists with settings that do not fit. The message names the setting: change it, or
    /// use another name.
    Incompatible,
}

impl SetupError {
    /// Creates an error without a source.
    #[must_use]
    pub fn new(kind: SetupErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Creates an error of the kind [`Invalid`](SetupErrorKind::Invalid).
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(SetupErrorKind::Invalid, message)
    }

    /// Sets the underlying error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the category of the error.
    #[must_use]
    pub fn kind(&self) -> SetupErrorKind {
        self.kind
    }
}

/// For callers that open a sink on first use. [`Unreachable`](SetupErrorKind::Unreachable) and
/// [`NotFound`](SetupErrorKind::NotFound) become [`Disconnected`](SinkErrorKind::Disconnected): a retry succeeds once
/// somebody has started the server or created the stream. [`Unauthorized`](SetupErrorKind::Unauthorized) keeps its kind,
/// every other kind becomes [`Fatal`](SinkErrorKind::Fatal). The fate is [`NotSent`](Fate::NotSent).
impl From<SetupError> for SinkError {
    fn from(error: SetupError) -> Self {
        let kind = match error.kind {
            SetupErrorKind::Unauthorized => SinkErrorKind::Unauthorized,
            SetupErrorKind::Unreachable | SetupErrorKind::NotFound => SinkErrorKind::Disconnected,
            SetupErrorKind::Invalid | SetupErrorKind::Tls | SetupErrorKind::Incompatible => SinkErrorKind::Fatal,
        };
        Self::new(kind, "cannot open the sink")
            .with_fate(Fate::NotSent)
            .with_source(error)
    }
}

/// Converts kinds as the conversion to [`SinkError`].
impl From<SetupError> for SourceError {
    fn from(error: SetupError) -> Self {
        let kind = match error.kind {
            SetupErrorKind::Unauthorized => SourceErrorKind::Unauthorized,
            SetupErrorKind::Unreachable | SetupErrorKind::NotFound => SourceErrorKind::Disconnected,
            SetupErrorKind::Invalid | SetupErrorKind::Tls | SetupErrorKind::Incompatible => SourceErrorKind::Fatal,
        };
        Self::new(kind, "cannot open the source").with_source(error)
    }
}

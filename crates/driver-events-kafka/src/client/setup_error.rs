use std::error::Error;
use std::fmt;

use driver_events_core::{Fate, SinkError, SinkErrorKind, SourceError, SourceErrorKind};

/// Error of creating or checking a sink, a source or a topic.
///
/// [`kind`](Self::kind) says what the caller should do, [`source`](Error::source) returns the cause. Neither contains
/// secrets.
#[derive(Debug)]
pub struct SetupError {
    kind: SetupErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Kind of a [`SetupError`], by what the caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SetupErrorKind {
    /// A property or a name is invalid, or would weaken the guarantee. Correct it.
    Invalid,
    /// The brokers refuse the credentials, or a permission is missing. Alert the operator.
    Unauthorized,
    /// A topic does not exist or is not visible. Create it, correct its name, or grant DESCRIBE.
    NoTopic,
    /// No broker responded. Retry later.
    Unreachable,
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

    /// Returns the kind, by which the caller decides what to do.
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

/// For callers that create a sink on first use. `Unreachable` becomes [`Disconnected`](SinkErrorKind::Disconnected); kinds
/// that need the operator become [`Unauthorized`](SinkErrorKind::Unauthorized) or [`Fatal`](SinkErrorKind::Fatal).
impl From<SetupError> for SinkError {
    fn from(error: SetupError) -> Self {
        let kind = match error.kind {
            SetupErrorKind::Unauthorized => SinkErrorKind::Unauthorized,
            SetupErrorKind::Unreachable => SinkErrorKind::Disconnected,
            SetupErrorKind::Invalid | SetupErrorKind::NoTopic => SinkErrorKind::Fatal,
        };
        Self::new(kind, "cannot create the Kafka producer")
            .with_fate(Fate::NotSent)
            .with_source(error)
    }
}

/// Maps the kinds as for [`SinkError`].
impl From<SetupError> for SourceError {
    fn from(error: SetupError) -> Self {
        let kind = match error.kind {
            SetupErrorKind::Unauthorized => SourceErrorKind::Unauthorized,
            SetupErrorKind::Unreachable => SourceErrorKind::Disconnected,
            SetupErrorKind::Invalid | SetupErrorKind::NoTopic => SourceErrorKind::Fatal,
        };
        Self::new(kind, "cannot create the Kafka consumer").with_source(error)
    }
}

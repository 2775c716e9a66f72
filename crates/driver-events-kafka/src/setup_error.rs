use std::error::Error;
use std::fmt;

use driver_events_core::{Fate, SinkError, SinkErrorKind, SourceError, SourceErrorKind};
use rdkafka::error::KafkaError;

/// Why a sink, a source or a topic could not be made, or is not fit for use.
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
    /// A property or a name is wrong, or would break a promise. Correct it.
    Invalid,
    /// The brokers refuse the credentials, or a permission is missing. Tell a person.
    Unauthorized,
    /// A topic does not exist. Make it, or correct its name.
    NoTopic,
    /// A topic exists and is not as it was asked for. Change it, or what is asked for.
    UnfitTopic,
    /// No broker answered. Try again later.
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

    /// Why librdkafka does not take the properties. What it says repeats the value, which may be a secret, so only the
    /// name of the property is told.
    pub(crate) fn of_client(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, _, property, _) => Self::invalid(format!(
                "the property {property:?} does not exist in this build of librdkafka, or cannot have this value"
            )),
            // Speaks of how properties go together, by their names.
            error => Self::invalid("librdkafka refuses the properties").with_source(error),
        }
    }

    pub(crate) fn without_tls() -> Self {
        Self::invalid(
            "TLS, and the SASL mechanisms SCRAM and OAUTHBEARER, need the feature `tls` of driver-events-kafka",
        )
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
            SetupErrorKind::Invalid | SetupErrorKind::NoTopic | SetupErrorKind::UnfitTopic => SinkErrorKind::Fatal,
        };
        Self::new(kind, "the Kafka producer could not be made")
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
            SetupErrorKind::Invalid | SetupErrorKind::NoTopic | SetupErrorKind::UnfitTopic => SourceErrorKind::Fatal,
        };
        Self::new(kind, "the Kafka consumer could not be made").with_source(error)
    }
}

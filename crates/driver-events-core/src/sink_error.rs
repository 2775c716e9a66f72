use std::error::Error;
use std::fmt;

use driver_events_types::{EncodeError, EncodeErrorKind};

/// Why a sink did not do what it was asked.
///
/// Opaque: [`kind`](Self::kind) says what the caller should do, [`fate`](Self::fate) whether the event may be stored
/// all the same, [`source`](Error::source) what lies beneath. The text leaves the source to `source()`.
#[derive(Debug)]
pub struct SinkError {
    kind: SinkErrorKind,
    fate: Fate,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What went wrong, by what the caller should do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SinkErrorKind {
    /// The event cannot be written as JSON. Correct the event; sending it again is of no use.
    Encode,
    /// The event is larger than the codec or the transport takes. Shorten it, or raise the limits on both sides.
    TooLarge,
    /// The transport refuses this event and would refuse it again: it has no subject, or the broker said no. Put it
    /// aside (a dead letter) and go on.
    Rejected,
    /// There is no room now. Wait and send it again, or shed load; nothing was sent.
    Full,
    /// No answer came in time. Send it again: the id makes that safe where the reader or the broker removes duplicates.
    Timeout,
    /// The connection is down, or the operating system refused the write. Send it again later.
    Disconnected,
    /// The credentials are wrong or the permission is missing. Tell a person; sending it again is of no use until then.
    Unauthorized,
    /// The sink was closed, or the reader at the other end went away for good. Make a new sink.
    Closed,
    /// The sink is broken and cannot mend itself. Make a new sink, and tell a person.
    Fatal,
}

/// Whether an event whose `send` failed may have been delivered all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// It was certainly not sent.
    NotSent,
    /// It may be stored already, or be stored yet.
    Unknown,
}

impl SinkError {
    /// An error without a source. Its fate is `Unknown` for `Timeout`, `Disconnected` and `Fatal`, else `NotSent`.
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

    /// Sets what lies beneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets what is known of the event.
    #[must_use]
    pub fn with_fate(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }

    /// What went wrong, by what the caller should do about it.
    #[must_use]
    pub fn kind(&self) -> SinkErrorKind {
        self.kind
    }

    /// Whether the event may have been delivered all the same.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate
    }

    /// Whether the same call may succeed later with nothing changed: `Full`, `Timeout` and `Disconnected`.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            SinkErrorKind::Full | SinkErrorKind::Timeout | SinkErrorKind::Disconnected
        )
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<EncodeError> for SinkError {
    fn from(error: EncodeError) -> Self {
        let (kind, message) = match error.kind() {
            EncodeErrorKind::TooLarge => (SinkErrorKind::TooLarge, "the event is too large to be sent"),
            _ => (SinkErrorKind::Encode, "the event cannot be written as JSON"),
        };
        Self::new(kind, message).with_source(error)
    }
}

impl From<&EncodeError> for SinkError {
    fn from(error: &EncodeError) -> Self {
        error.clone().into()
    }
}

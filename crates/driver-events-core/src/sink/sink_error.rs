use std::error::Error;

use driver_events_types::{EncodeError, EncodeErrorKind};

/// Error of a sink operation.
///
/// Two methods say what to do, for every transport:
///
/// | [`is_about_event`](Self::is_about_event) | [`is_retryable`](Self::is_retryable) | what to do |
/// |---|---|---|
/// | `true` | `false` | keep the event for an operator (dead letter), and continue with the next one |
/// | `false` | `true` | retry the same envelope with backoff |
/// | `false` | `false` | the sink is finished: create a new one |
///
/// [`kind`](Self::kind) says more. Check [`fate`](Self::fate) to learn whether the event may have been delivered despite the
/// error. `Display` does not include the underlying error: see [`source`](Error::source).
///
/// ```
/// use std::time::Duration;
/// use driver_events_core::{DriverEventSink, Envelope, SinkError};
///
/// /// Sends the event until it is delivered. Returns an event that no retry can deliver with its error, and `Err` if the
/// /// sink is finished.
/// async fn deliver(
///     sink: &dyn DriverEventSink,
///     envelope: Envelope,
///     backoff: impl AsyncFn(&SinkError),
/// ) -> Result<Option<(Envelope, SinkError)>, SinkError> {
///     loop {
///         match sink.send(envelope.clone()).await {
///             Ok(_) => return Ok(None),
///             Err(error) if error.is_about_event() => return Ok(Some((envelope, error))),
///             Err(error) if error.is_retryable() => backoff(&error).await,
///             Err(error) => return Err(error),
///         }
///     }
/// }
/// ```
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
    /// The credentials are invalid or a permission is missing. Alert the operator; retries succeed once it is fixed.
    Unauthorized,
    /// The sink was closed, or the receiving end is gone for good. The sink is finished: create a new one.
    Closed,
    /// The sink is broken and cannot recover. It is finished: alert the operator and create a new one.
    Fatal,
}

impl SinkErrorKind {
    /// Returns the name in snake case, such as `too_large`: for labels and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::TooLarge => "too_large",
            Self::Rejected => "rejected",
            Self::Full => "full",
            Self::Timeout => "timeout",
            Self::Disconnected => "disconnected",
            Self::Unauthorized => "unauthorized",
            Self::Closed => "closed",
            Self::Fatal => "fatal",
        }
    }
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

    /// Returns `true` for `Full`, `Timeout`, `Disconnected` and `Unauthorized`: the same call may succeed later, once the
    /// broker, the network or an operator has restored what it needs.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            SinkErrorKind::Full | SinkErrorKind::Timeout | SinkErrorKind::Disconnected | SinkErrorKind::Unauthorized
        )
    }

    /// Returns `true` for `Encode`, `TooLarge` and `Rejected`: this event cannot be delivered, the next one may be. Any other
    /// error is about the sink or its connection: the next event fails too, until somebody or something restores it.
    #[must_use]
    pub fn is_about_event(&self) -> bool {
        matches!(
            self.kind,
            SinkErrorKind::Encode | SinkErrorKind::TooLarge | SinkErrorKind::Rejected
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

use crate::kind::EventKind;

/// An error from encoding an event: the cause and the field. The event is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event_kind}{dot}{path}: {message}", dot = if .path.is_empty() { "" } else { "." })]
pub struct EncodeError {
    event_kind: EventKind,
    kind: EncodeErrorKind,
    path: String,
    message: String,
}

/// The cause of an [`EncodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The JSON exceeds [`Limits::max_bytes`](crate::Limits::max_bytes). Shorten the event's texts, or raise the limit
    /// here and at every reader.
    TooLarge,
    /// Free JSON nests deeper than [`Limits::max_depth`](crate::Limits::max_depth). Flatten it. Drop the event with
    /// [`drop_iteratively`](crate::DriverEvent::drop_iteratively) if it may be thousands of levels deep.
    TooDeep,
    /// A float is NaN or infinite, which JSON cannot represent. Correct the value.
    NotFinite,
    /// A time's year has more than four digits, or a number in free JSON exceeds the range of `f64`. Correct the value.
    OutOfRange,
}

impl EncodeError {
    pub(crate) fn new(event_kind: EventKind, kind: EncodeErrorKind, path: String, message: String) -> Self {
        Self {
            event_kind,
            kind,
            path,
            message,
        }
    }

    /// Returns the cause.
    #[must_use]
    pub fn kind(&self) -> EncodeErrorKind {
        self.kind
    }

    /// Returns the event's kind.
    #[must_use]
    pub fn event_kind(&self) -> EventKind {
        self.event_kind
    }

    /// Returns the path of the field, such as `trigger.pct`. Empty if the error concerns the whole event.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the error text without the path.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

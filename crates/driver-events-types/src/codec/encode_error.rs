use std::fmt;

use crate::EventKind;

/// An event that cannot be written as JSON. The event itself is unharmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    event_kind: EventKind,
    kind: EncodeErrorKind,
    path: String,
    message: String,
}

/// What is wrong with an event that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The JSON is larger than [`Limits::max_bytes`](crate::Limits::max_bytes). Shorten the event's texts, or raise
    /// the limit here and at every reader.
    TooLarge,
    /// Free JSON nests deeper than [`Limits::max_depth`](crate::Limits::max_depth). Flatten it, and drop the event
    /// with [`dismantle`](crate::DriverEvent::dismantle) where it may be thousands of levels deep.
    TooDeep,
    /// A float is NaN or infinite, which JSON cannot write. Correct the value.
    NotFinite,
    /// A time's year has more than four digits, or a number in free JSON is larger than any float. Correct the value.
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

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> EncodeErrorKind {
        self.kind
    }

    /// The kind of the event.
    #[must_use]
    pub fn event_kind(&self) -> EventKind {
        self.event_kind
    }

    /// The place inside the event, such as `trigger.pct`; empty where the whole event is meant.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong, in words, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.event_kind)?;
        if !self.path.is_empty() {
            write!(f, ".{}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for EncodeError {}

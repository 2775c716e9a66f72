use std::fmt;

/// The most characters of a kind that are displayed: a hostile one may be as long as the whole text.
const LONGEST_KIND: usize = 100;

/// JSON that is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    pub(crate) kind: DecodeErrorKind,
    pub(crate) event_kind: Option<String>,
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) offset: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// What is wrong with JSON that is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The text is larger than [`Limits::max_bytes`](crate::Limits::max_bytes). Nothing was parsed.
    TooLarge,
    /// The text nests deeper than [`Limits::max_depth`](crate::Limits::max_depth). Nothing was parsed.
    TooDeep,
    /// The text is no JSON, or no UTF-8, or something follows the first value. The publisher or the transport is broken.
    Syntax,
    /// The JSON is no object, or has no `"kind"`, or it is no text. It comes from no publisher of driver events.
    MissingKind,
    /// The kind is none of [`EventKind`](crate::EventKind). A newer publisher may know it: pass it on,
    /// see [`Decoded`](crate::Decoded).
    UnknownKind,
    /// The kind is known, and its only fault is a value that some enum does not know. A newer publisher may know it:
    /// pass it on, see [`Decoded`](crate::Decoded).
    UnknownValue,
    /// A field is missing, doubled (the kind itself included), of the wrong type or out of range. The publisher breaks
    /// the contract.
    Invalid,
}

impl DecodeError {
    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// The text of the event's `"kind"`, where it could be read. It is whatever the text holds: not bounded, and not
    /// safe to print as it is. Where the text as a whole could not be read, only its first few KiB are searched.
    #[must_use]
    pub fn event_kind(&self) -> Option<&str> {
        self.event_kind.as_deref()
    }

    /// The place inside the event, such as `result.decisions_recorded[3].decided_at`; empty where the whole text is
    /// meant, or where the text is no JSON.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The place in the text, in bytes from 0: the first byte of the value that is wrong, or of the object that lacks
    /// a field. Where the text is no JSON, it is where that shows, give or take a byte.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The line of [`offset`](Self::offset), from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The byte in the line of [`offset`](Self::offset), from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, in words, without the place: one line of a few hundred printable characters at the most,
    /// whatever the text holds.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = &self.event_kind {
            for char in kind.chars().take(LONGEST_KIND) {
                write!(f, "{}", char.escape_debug())?;
            }
            if !self.path.is_empty() {
                write!(f, ".{}", self.path)?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{} at line {} column {}", self.message, self.line, self.column)
    }
}

impl std::error::Error for DecodeError {}

/// Maximum number of characters of the event's kind in `Display`. A hostile kind may be as long as the whole text.
const MAX_KIND_CHARS: usize = 100;

/// An error from decoding an event: the cause, the field and the position in the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} at line {line} column {column}", self.reason())]
pub struct DecodeError {
    pub(crate) kind: DecodeErrorKind,
    pub(crate) event_kind: Option<String>,
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) offset: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// The cause of a [`DecodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The text exceeds [`Limits::max_bytes`](crate::Limits::max_bytes). It was not parsed: raise the limit or reject
    /// the message.
    TooLarge,
    /// The text nests deeper than [`Limits::max_depth`](crate::Limits::max_depth). It was not parsed: raise the limit
    /// or reject the message.
    TooDeep,
    /// The text is not JSON, not UTF-8, or continues after the first value. The publisher or the transport is broken:
    /// reject the message.
    Syntax,
    /// The JSON is not an object with a string `"kind"`. It is not a driver event: reject the message.
    MissingKind,
    /// The kind is not an [`EventKind`](crate::EventKind) of this version. A newer publisher may have sent it: pass it
    /// on, see [`Decoded`](crate::Decoded).
    UnknownKind,
    /// The kind is known, and the only fault is an unknown enum value. A newer publisher may have sent it: pass it on,
    /// see [`Decoded`](crate::Decoded).
    UnknownValue,
    /// A field is missing, duplicate (including `"kind"`), out of range or of the wrong type. The publisher violates
    /// the contract: reject the message.
    Invalid,
}

impl DecodeError {
    /// Returns the cause.
    #[must_use]
    pub fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// Returns the text of the event's `"kind"`, or `None` if it cannot be read.
    ///
    /// It is untrusted input: unbounded and not escaped. If the text cannot be parsed as a whole, only its first 4 KiB
    /// are searched for the kind.
    #[must_use]
    pub fn event_kind(&self) -> Option<&str> {
        self.event_kind.as_deref()
    }

    /// Returns the path of the field, such as `result.decisions_recorded[3].decided_at`. Empty if the error concerns
    /// the whole text.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the byte offset in the text, from 0: the first byte of the invalid value, or of the object that lacks a
    /// field. For a syntax error it is exact to within one byte.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the line of [`offset`](Self::offset), from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the column of [`offset`](Self::offset) in bytes, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// Returns the error text without path and position: one line of at most 401 printable characters, even for
    /// hostile input.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns `KIND.PATH: MESSAGE`, as far as they are known: the text of `Display` without the position. It is short, on
    /// one line and free of terminal escapes, whatever the input contains.
    #[must_use]
    pub fn reason(&self) -> String {
        let Some(kind) = &self.event_kind else {
            return self.message.clone();
        };
        let kind: String = kind.chars().take(MAX_KIND_CHARS).flat_map(char::escape_debug).collect();
        let dot = if self.path.is_empty() { "" } else { "." };
        format!("{kind}{dot}{}: {}", self.path, self.message)
    }
}

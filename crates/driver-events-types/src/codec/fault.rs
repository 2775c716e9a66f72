//! Describes the first fault of a text: its field, its position, and a message that is safe to print.

use std::cell::RefCell;
use std::fmt;

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::decode_error::{DecodeError, DecodeErrorKind};
use super::tagged;

/// Maximum length of a message in characters. It may quote hostile text.
const MAX_MESSAGE_CHARS: usize = 400;

/// Number of bytes searched for the kind if the text cannot be parsed as a whole.
const KIND_SEARCH_BYTES: usize = 4096;

/// A decoding error before line, column and event kind are known.
pub(crate) struct Fault {
    pub(crate) kind: DecodeErrorKind,
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) offset: usize,
}

/// Returns an error about the whole text, which was not parsed or is not JSON from `offset` on.
pub(crate) fn error_at(text: &[u8], kind: DecodeErrorKind, message: String, offset: usize) -> DecodeError {
    let fault = Fault {
        kind,
        path: String::new(),
        message,
        offset,
    };
    fault.into_error(None, text)
}

impl Fault {
    pub(crate) fn into_error(self, event_kind: Option<String>, text: &[u8]) -> DecodeError {
        let (line, column) = position(text, self.offset);
        DecodeError {
            kind: self.kind,
            event_kind: event_kind.or_else(|| find_kind(text)),
            path: self.path,
            message: escape_message(&self.message),
            offset: self.offset,
            line,
            column,
        }
    }
}

/// Returns serde_json's message without its position, which may be relative to a part of the text.
pub(crate) fn message_of(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) if error.line() > 0 => message.get(..end).unwrap_or_default().to_owned(),
        _ => message,
    }
}

/// Truncates the message and escapes what a terminal would interpret: it may quote untrusted input.
fn escape_message(message: &str) -> String {
    let mut escaped = String::with_capacity(message.len().min(MAX_MESSAGE_CHARS));
    for (count, char) in message.chars().enumerate() {
        match char {
            _ if count == MAX_MESSAGE_CHARS => {
                escaped.push('…');
                break;
            }
            '"' | '\'' | '\\' => escaped.push(char),
            _ => escaped.extend(char.escape_debug()),
        }
    }
    escaped
}

/// Returns the line and the byte column of an offset, both from 1.
fn position(text: &[u8], offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    (line, column)
}

/// Returns the event's kind if it precedes the first syntax error.
fn find_kind(text: &[u8]) -> Option<String> {
    struct KindVisitor<'a>(&'a RefCell<Option<String>>);

    impl<'de> Visitor<'de> for KindVisitor<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<String>()? {
                if key == tagged::KIND {
                    *self.0.borrow_mut() = Some(map.next_value()?);
                    return Err(A::Error::custom("kind found"));
                }
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }

    let start = text.get(..KIND_SEARCH_BYTES).unwrap_or(text);
    let found = RefCell::new(None);
    // The result is always an error: the text is invalid or cut, or the visitor stopped at the kind.
    let _ = serde_json::Deserializer::from_slice(start).deserialize_map(KindVisitor(&found));
    found.into_inner()
}

//! What is wrong with a text that did not decode, and where: the slow path, taken only after the decoder refused.

use std::cell::RefCell;
use std::fmt;

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::tagged;
use super::walk::Walk;
use crate::{DecodeError, DecodeErrorKind};

/// The most characters of a message. Hostile text is quoted no further.
const LONGEST_MESSAGE: usize = 400;

/// How much of a text is looked at to find the kind, where the text cannot be read as a whole.
const PROBED: usize = 4096;

/// One thing that is wrong.
pub(crate) struct Fault {
    pub(crate) kind: DecodeErrorKind,
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) offset: usize,
}

/// The reason why `text` did not decode, where the decoder itself said `error`.
pub(crate) fn diagnose(text: &str, error: &serde_json::Error) -> DecodeError {
    let whole: &RawValue = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(error) => {
            let offset = offset_of(text.as_bytes(), error.line(), error.column());
            return refused(text.as_bytes(), DecodeErrorKind::Syntax, message_of(&error), offset);
        }
    };
    let (event_kind, fault) = Walk::new(text).event(whole);
    let fault = fault.unwrap_or_else(|| Fault {
        kind: DecodeErrorKind::Invalid,
        path: String::new(),
        message: message_of(error),
        offset: offset_of(text.as_bytes(), error.line(), error.column()),
    });
    fault.into_error(event_kind, text.as_bytes())
}

/// An error about a text that was not parsed, or is no JSON from `offset` on.
pub(crate) fn refused(text: &[u8], kind: DecodeErrorKind, message: String, offset: usize) -> DecodeError {
    let fault = Fault {
        kind,
        path: String::new(),
        message,
        offset,
    };
    fault.into_error(None, text)
}

impl Fault {
    fn into_error(self, event_kind: Option<String>, text: &[u8]) -> DecodeError {
        let (line, column) = position(text, self.offset);
        DecodeError {
            kind: self.kind,
            event_kind: event_kind.or_else(|| probe_kind(text)),
            path: self.path,
            message: printable(&self.message),
            offset: self.offset,
            line,
            column,
        }
    }
}

/// serde_json's message without its position, which is that of a part of the text.
pub(crate) fn message_of(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) if error.line() > 0 => message.get(..end).unwrap_or_default().to_owned(),
        _ => message,
    }
}

/// The message in one line of bounded length that does nothing to a terminal: it may quote what a stranger sent.
fn printable(message: &str) -> String {
    let mut printable = String::with_capacity(message.len().min(LONGEST_MESSAGE));
    for (count, char) in message.chars().enumerate() {
        match char {
            _ if count == LONGEST_MESSAGE => {
                printable.push('…');
                break;
            }
            '"' | '\'' | '\\' => printable.push(char),
            _ => printable.extend(char.escape_debug()),
        }
    }
    printable
}

/// The line and the byte in it, both from 1.
fn position(text: &[u8], offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    (line, column)
}

/// The inverse of [`position`] for serde_json's positions, whose columns count the bytes that were read.
fn offset_of(text: &[u8], line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive(|byte| *byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    (before + column.saturating_sub(1)).min(text.len())
}

/// The event's kind, when it can be read before the text stops being JSON. Little of a hostile text is looked at.
fn probe_kind(text: &[u8]) -> Option<String> {
    struct Probe<'a>(&'a RefCell<Option<String>>);

    impl<'de> Visitor<'de> for Probe<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<String>()? {
                if key == tagged::KIND {
                    *self.0.borrow_mut() = Some(map.next_value()?);
                    return Err(A::Error::custom("the kind is found"));
                }
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }

    let start = text.get(..PROBED).unwrap_or(text);
    let found = RefCell::new(None);
    // The text is known to be at fault: what counts is only what was found before the fault.
    let _ = serde_json::Deserializer::from_slice(start).deserialize_map(Probe(&found));
    found.into_inner()
}

//! Finds the cause and the position of a decoding error. This is the slow path, taken only after the decoder failed.

use serde_json::value::RawValue;

use super::decode_error::{DecodeError, DecodeErrorKind};
use super::fault::{Fault, error_at, message_of};
use super::validate::Validator;

/// Returns the error for `text`, which the decoder refused with `error`.
pub(crate) fn diagnose(text: &str, error: &serde_json::Error) -> DecodeError {
    let raw: &RawValue = match serde_json::from_str(text) {
        Ok(raw) => raw,
        Err(error) => {
            let offset = offset_of(text.as_bytes(), error.line(), error.column());
            return error_at(text.as_bytes(), DecodeErrorKind::Syntax, message_of(&error), offset);
        }
    };
    let (event_kind, fault) = Validator::new(text).validate_event(raw);
    let fault = fault.unwrap_or_else(|| Fault {
        kind: DecodeErrorKind::Invalid,
        path: String::new(),
        message: message_of(error),
        offset: offset_of(text.as_bytes(), error.line(), error.column()),
    });
    fault.into_error(event_kind, text.as_bytes())
}

/// Returns the offset of a position of serde_json, whose column is the number of bytes read from the line.
fn offset_of(text: &[u8], line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive(|byte| *byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    (before + column.saturating_sub(1)).min(text.len())
}

//! Durations as [`humantime`] text: `"1m 36s 410ms"`.

use std::iter;
use std::time::Duration;

use humantime::DurationError;
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(DurationVisitor)
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a duration such as `1m 36s 410ms`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(|error| {
            E::custom(format_args!(
                "invalid duration `{}`, expected a form like `1m 36s 410ms`: {error}",
                text.escape_debug()
            ))
        })
    }
}

/// Parses as [`humantime::parse_duration`] does, without its panic: it adds the parts with an unchecked carry, so that
/// "18446744073709551615s 1000000000ns" overflows. Parsing one part at a time and adding here avoids that.
fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut sum = Duration::ZERO;
    for part in parts(text) {
        // "0" without a unit is valid only if it is the whole text.
        let part = if part == "0" { text } else { part };
        sum = sum
            .checked_add(humantime::parse_duration(part)?)
            .ok_or(DurationError::NumberOverflow)?;
    }
    Ok(sum)
}

/// Splits the text before each number but the first: at every digit that follows a unit.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest?;
        let unit = text.find(char::is_alphabetic).unwrap_or(text.len());
        let (number, tail) = text.split_at(unit);
        let (part, after) = match tail.find(|c: char| c.is_ascii_digit()) {
            Some(next) => text.split_at(number.len() + next),
            None => (text, ""),
        };
        rest = (!after.is_empty()).then_some(after);
        Some(part)
    })
}

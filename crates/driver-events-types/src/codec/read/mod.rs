//! Reads an event in the form in which the encoder writes it, by position.
//!
//! [`None`] means: not in this form. The general path of [`decode`](super::decode) then reads the text or finds the
//! error. What this module reads, the general path reads as the same event.

mod duration;
mod number;
mod text;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::depth;
use super::json::FreeJson;
use super::limits::Limits;

/// A value that has one form in the JSON.
pub(crate) trait Read: Sized {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self>;
}

/// Reads the whole text; white space may follow the value.
pub(crate) fn read<T: Read>(text: &str, limits: Limits) -> Option<T> {
    let mut cursor = Cursor {
        rest: text,
        depth_left: limits.max_depth(),
    };
    let value = T::read(&mut cursor)?;
    let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    cursor.rest.bytes().all(is_space).then_some(value)
}

/// A position in the text.
pub(crate) struct Cursor<'a> {
    rest: &'a str,
    depth_left: usize,
}

impl<'a> Cursor<'a> {
    /// Advances behind the text if it is next.
    #[inline]
    pub(crate) fn accept(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Advances behind the text, which must be next.
    #[inline]
    pub(crate) fn expect(&mut self, text: &str) -> Option<()> {
        self.accept(text).then_some(())
    }

    /// Advances behind the start of an array or object.
    #[inline]
    pub(crate) fn open(&mut self, text: &str) -> Option<()> {
        self.depth_left = self.depth_left.checked_sub(1)?;
        self.expect(text)
    }

    /// Advances behind the end of an array or object.
    #[inline]
    pub(crate) fn close(&mut self, text: &str) -> Option<()> {
        self.depth_left += 1;
        self.expect(text)
    }

    /// Advances by a number of bytes, and returns them.
    #[inline]
    fn take(&mut self, bytes: usize) -> Option<&'a str> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }

    /// Advances over the bytes for which `is_part` returns true, and returns them.
    #[inline]
    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> Option<&'a str> {
        let bytes = self.rest.bytes().take_while(|byte| is_part(*byte)).count();
        self.take(bytes)
    }

    /// Reads a value as serde_json does.
    fn deserialize<T: DeserializeOwned>(&mut self) -> Option<T> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter();
        let value = values.next()?.ok()?;
        self.take(values.byte_offset())?;
        Some(value)
    }
}

impl Read for bool {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let value = cursor.accept("true");
        (value || cursor.accept("false")).then_some(value)
    }
}

impl<T: Read> Read for Option<T> {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        if cursor.accept("null") {
            Some(None)
        } else {
            T::read(cursor).map(Some)
        }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut values = Self::new();
        cursor.open("[")?;
        if !cursor.rest.starts_with(']') {
            values.push(T::read(cursor)?);
            while cursor.accept(",") {
                values.push(T::read(cursor)?);
            }
        }
        cursor.close("]")?;
        Some(values)
    }
}

impl Read for Value {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let before = cursor.rest;
        // serde_json limits its recursion.
        let FreeJson(value) = cursor.deserialize()?;
        let (json, _) = before.split_at_checked(before.len() - cursor.rest.len())?;
        let too_deep = depth::find_deeper_than(json.as_bytes(), cursor.depth_left);
        too_deep.is_none().then_some(value)
    }
}

impl Read for Map<String, Value> {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        match Value::read(cursor)? {
            Value::Object(map) => Some(map),
            _ => None,
        }
    }
}

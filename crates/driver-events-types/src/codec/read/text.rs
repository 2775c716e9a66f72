//! Strings, and values in the form of strings.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Cursor, Read};
use crate::codec::plain_run::plain_run;
use crate::codec::time;
use crate::id::{DecisionId, GoalId};

impl<'a> Cursor<'a> {
    /// Reads a string without escapes.
    pub(crate) fn plain_text(&mut self) -> Option<&'a str> {
        self.expect("\"")?;
        let text = self.take_plain_run()?;
        self.expect("\"")?;
        Some(text)
    }

    fn take_plain_run(&mut self) -> Option<&'a str> {
        self.take(plain_run(self.rest.as_bytes()))
    }

    /// Reads one of the escapes that the encoder writes.
    fn take_escape(&mut self) -> Option<char> {
        self.expect("\\")?;
        Some(match self.take(1)? {
            "\"" => '"',
            "\\" => '\\',
            "n" => '\n',
            "r" => '\r',
            "t" => '\t',
            "b" => '\x08',
            "f" => '\x0c',
            "u" => {
                self.expect("00")?;
                let mut digits = self.take(2)?.chars().map(|digit| digit.to_digit(16));
                char::from_u32(digits.next()?? << 4 | digits.next()??)?
            }
            _ => return None,
        })
    }
}

impl Read for String {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.expect("\"")?;
        let mut text = cursor.take_plain_run()?.to_owned();
        while !cursor.accept("\"") {
            text.push(cursor.take_escape()?);
            text.push_str(cursor.take_plain_run()?);
        }
        Some(text)
    }
}

impl Read for Uuid {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        Self::try_parse(cursor.plain_text()?).ok()
    }
}

impl Read for GoalId {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        Uuid::read(cursor).map(Self)
    }
}

impl Read for DecisionId {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        Uuid::read(cursor).map(Self)
    }
}

impl Read for DateTime<Utc> {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(cursor.plain_text()?).ok()?.to_utc();
        time::is_representable(&time).then_some(time)
    }
}

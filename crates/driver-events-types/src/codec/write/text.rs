//! Strings, and values in the form of short strings.

use uuid::Uuid;

use super::{Write, Writer};
use crate::codec::plain_run::plain_run;
use crate::id::{DecisionId, GoalId};

impl Write for String {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        self.as_str().write(writer)
    }
}

impl Write for str {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        writer.put(b"\"")?;
        let mut rest = self.as_bytes();
        while let Some((plain, tail)) = rest.split_at_checked(plain_run(rest)) {
            writer.put(plain)?;
            let Some((byte, tail)) = tail.split_first() else { break };
            escape(*byte, writer)?;
            rest = tail;
        }
        writer.put(b"\"")
    }
}

fn escape(byte: u8, writer: &mut Writer<'_>) -> Option<()> {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let hex = |digit| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
            return writer.put(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 0xf)]);
        }
    };
    writer.put(&[b'\\', short])
}

impl Write for Uuid {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        let mut text = [b'"'; 38];
        let (_, after_quote) = text.split_first_mut()?;
        self.hyphenated().encode_lower(after_quote);
        writer.put(&text)
    }
}

impl Write for GoalId {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        self.0.write(writer)
    }
}

impl Write for DecisionId {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        self.0.write(writer)
    }
}

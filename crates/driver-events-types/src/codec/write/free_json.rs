//! Free JSON: sorted keys and numbers as shortest text, as [`json`](crate::codec::json) serializes it.

use serde_json::{Map, Value};

use super::{Omit, Write, Writer};

impl Write for Value {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        match self {
            Self::Null => writer.put(b"null"),
            Self::Bool(value) => value.write(writer),
            Self::Number(number) => number.write(writer),
            Self::String(text) => text.write(writer),
            Self::Array(values) => values.write(writer),
            Self::Object(map) => map.write(writer),
        }
    }
}

impl Write for Map<String, Value> {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        if self.keys().is_sorted() {
            return write_members(self, writer);
        }
        let mut members: Vec<_> = self.iter().collect();
        members.sort_unstable_by_key(|(key, _)| *key);
        write_members(members, writer)
    }
}

fn write_members<'a>(
    members: impl IntoIterator<Item = (&'a String, &'a Value)>,
    writer: &mut Writer<'_>,
) -> Option<()> {
    writer.open(b"{")?;
    let mut separator: &[u8] = b"";
    for (key, value) in members {
        writer.put(separator)?;
        key.write(writer)?;
        writer.put(b":")?;
        value.write(writer)?;
        separator = b",";
    }
    writer.close(b"}")
}

impl Omit for Map<String, Value> {
    fn is_omitted(&self) -> bool {
        self.is_empty()
    }
}

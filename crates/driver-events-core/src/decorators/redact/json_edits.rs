//! Changes values of a JSON text, and leaves all other bytes as they are.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::redaction::REDACTED;

/// Values of a text that are replaced or removed. A parsed value would lose the digits of a number beyond 64 bits, and of the
/// duplicates of a key all but one.
pub(super) struct JsonEdits<'a> {
    json: &'a [u8],
    edits: Vec<Edit>,
}

struct Edit {
    range: Range<usize>,
    is_masked: bool,
}

impl<'a> JsonEdits<'a> {
    /// Creates a list without edits. Values of later calls must be parts of this text.
    pub(super) fn of(json: &'a [u8]) -> Self {
        let edits = Vec::new();
        Self { json, edits }
    }

    /// Replaces a value by [`REDACTED`].
    pub(super) fn mask(&mut self, value: &'a RawValue) {
        let range = self.range(value);
        self.edits.push(Edit { range, is_masked: true });
    }

    /// Removes members of an object, of which these are all, each with one comma beside it.
    pub(super) fn remove(&mut self, members: &[Member<'a>], removed: &[bool]) {
        let mut end_before = None;
        for (index, (member, is_removed)) in members.iter().zip(removed).enumerate() {
            let value_end = self.range(member.value).end;
            if !is_removed {
                end_before = Some(value_end);
                continue;
            }
            let range = match (end_before, members.get(index + 1)) {
                (Some(end_before), _) => end_before..value_end,
                (None, Some(next)) => self.range(member.key).start..self.range(next.key).start,
                (None, None) => self.range(member.key).start..value_end,
            };
            end_before = end_before.map(|_| value_end);
            self.edits.push(Edit {
                range,
                is_masked: false,
            });
        }
    }

    /// Returns `received` with the edits. It is the text, or one with the same tokens at the same positions.
    pub(super) fn apply(mut self, received: &[u8]) -> Vec<u8> {
        self.edits.sort_unstable_by_key(|edit| edit.range.start);
        let mut edited = Vec::with_capacity(received.len());
        let mut end = 0;
        for Edit { range, is_masked } in self.edits {
            edited.extend_from_slice(received.get(end..range.start).unwrap_or_default());
            if is_masked {
                edited.push(b'"');
                edited.extend_from_slice(REDACTED.as_bytes());
                edited.push(b'"');
            }
            end = range.end;
        }
        edited.extend_from_slice(received.get(end..).unwrap_or_default());
        edited
    }

    /// Returns the position of a part of the text.
    fn range(&self, part: &RawValue) -> Range<usize> {
        let start = part.get().as_ptr().addr().saturating_sub(self.json.as_ptr().addr());
        start..start + part.get().len()
    }
}

/// A member of a JSON object.
pub(super) struct Member<'a> {
    pub(super) name: String,
    key: &'a RawValue,
    pub(super) value: &'a RawValue,
}

/// Members of a JSON object in the order of the text, duplicates included.
pub(super) struct Members<'a>(pub(super) Vec<Member<'a>>);

/// Elements of a JSON array.
#[derive(Deserialize)]
pub(super) struct Elements<'a>(#[serde(borrow)] pub(super) Vec<&'a RawValue>);

impl<'a> Deserialize<'a> for Members<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'a> Visitor<'a> for MembersVisitor {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    let name = serde_json::from_str(key.get()).map_err(serde::de::Error::custom)?;
                    members.push(Member { name, key, value });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_members_take_one_comma_with_them() {
        let json = r#"{ "a" : 1 , "b":[2] ,"c": 3 }"#;
        for (removed, expected) in [
            ([false, false, false], json),
            ([true, false, false], r#"{ "b":[2] ,"c": 3 }"#),
            ([false, true, false], r#"{ "a" : 1 ,"c": 3 }"#),
            ([false, false, true], r#"{ "a" : 1 , "b":[2] }"#),
            ([true, true, false], r#"{ "c": 3 }"#),
            ([true, false, true], r#"{ "b":[2] }"#),
            ([false, true, true], r#"{ "a" : 1 }"#),
            ([true, true, true], r#"{  }"#),
        ] {
            let Members(members) = serde_json::from_str(json).unwrap();
            let mut edits = JsonEdits::of(json.as_bytes());
            edits.remove(&members, &removed);
            let edited = edits.apply(json.as_bytes());
            assert_eq!(String::from_utf8(edited).unwrap(), expected, "{removed:?}");
        }
    }
}

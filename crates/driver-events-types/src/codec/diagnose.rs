//! What is wrong with a text that did not decode, and where: the slow path, taken only after the decoder refused.
//!
//! The text is walked along the tables of [`contract`](crate::contract), which gives every fault its path and its
//! place, and tells a text that is wrong from one that is only newer than this version.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{duration, json, tagged, time};
use crate::contract::{Field, Presence, Shape};
use crate::{DecodeError, DecodeErrorKind, EventKind};

/// The reason why `text` did not decode, where the decoder itself said `error`.
pub(crate) fn diagnose(text: &str, error: &serde_json::Error) -> DecodeError {
    let whole: &RawValue = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(error) => {
            let offset = offset_of(text.as_bytes(), error.line(), error.column());
            return refused(text.as_bytes(), DecodeErrorKind::Syntax, message_of(&error), offset);
        }
    };
    let mut walk = Walk { text, unknown: None };
    let (event_kind, fault) = match walk.event(whole) {
        Ok((kind, ())) => (Some(kind), walk.unknown),
        Err((kind, fault)) => (kind, Some(fault)),
    };
    let Fault {
        kind,
        path,
        message,
        offset,
    } = fault.unwrap_or_else(|| Fault {
        kind: DecodeErrorKind::Invalid,
        path: String::new(),
        message: message_of(error),
        offset: offset_of(text.as_bytes(), error.line(), error.column()),
    });
    let (line, column) = position(text.as_bytes(), offset);
    DecodeError {
        kind,
        event_kind,
        path,
        message,
        offset,
        line,
        column,
    }
}

/// An error about a text that was not parsed, or is no JSON from `offset` on.
pub(crate) fn refused(text: &[u8], kind: DecodeErrorKind, message: String, offset: usize) -> DecodeError {
    let (line, column) = position(text, offset);
    DecodeError {
        kind,
        event_kind: kind_before_fault(text),
        path: String::new(),
        message,
        offset,
        line,
        column,
    }
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

/// serde_json's message without its position, which is that of a part of the text.
fn message_of(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) if error.line() > 0 => message.get(..end).unwrap_or_default().to_owned(),
        _ => message,
    }
}

/// The event's kind, when it can be read before the text stops being JSON. Little of a hostile text is looked at.
fn kind_before_fault(text: &[u8]) -> Option<String> {
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
                    return Err(serde::de::Error::custom("the kind is found"));
                }
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }

    let start = text.get(..4096).unwrap_or(text);
    let found = RefCell::new(None);
    // The text is known to be at fault: what counts is only what was found before the fault.
    let _ = serde_json::Deserializer::from_slice(start).deserialize_map(Probe(&found));
    found.into_inner()
}

struct Fault {
    kind: DecodeErrorKind,
    path: String,
    message: String,
    offset: usize,
}

/// The members of an object, in the order of the text.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

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
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((Cow::Owned(key), value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

struct Walk<'a> {
    text: &'a str,
    /// The first value that is only newer than this version.
    unknown: Option<Fault>,
}

impl<'a> Walk<'a> {
    /// The event's kind, and its first fault; [`Walk::unknown`] is no fault as long as there is no other.
    fn event(&mut self, whole: &'a RawValue) -> Result<(String, ()), (Option<String>, Fault)> {
        let missing = |mut fault: Fault| {
            fault.kind = DecodeErrorKind::MissingKind;
            (None, fault)
        };
        let members = self.members(whole, "").map_err(missing)?;
        let (kind, at) = self.kind(&members, whole, "").map_err(missing)?;
        let Ok(known) = kind.parse::<EventKind>() else {
            let message = format!("unknown event kind {kind:?}");
            self.unknown = Some(Fault {
                kind: DecodeErrorKind::UnknownKind,
                ..self.fault(at, tagged::KIND.to_owned(), message)
            });
            return Ok((kind, ()));
        };
        match self.fields(&members, known.fields(), whole, "") {
            Ok(()) => Ok((kind, ())),
            Err(fault) => Err((Some(kind), fault)),
        }
    }

    fn shape(&mut self, shape: Shape, value: &'a RawValue, path: &str) -> Result<(), Fault> {
        match shape {
            Shape::Text => self.leaf::<String>(value, path),
            Shape::Bool => self.leaf::<bool>(value, path),
            Shape::I32 => self.leaf::<i32>(value, path),
            Shape::U32 => self.leaf::<u32>(value, path),
            Shape::U64 => self.leaf::<u64>(value, path),
            Shape::F64 => self.leaf::<f64>(value, path),
            Shape::Id => self.leaf::<Uuid>(value, path),
            Shape::Time => self.leaf::<Time>(value, path),
            Shape::Duration => self.leaf::<Duration>(value, path),
            Shape::Json => self.leaf::<json::Free>(value, path),
            Shape::Map => self.leaf::<Map>(value, path),
            Shape::Array(shape) => {
                let values: Vec<&RawValue> = self.read(value, path)?;
                let mut values = values.into_iter().enumerate();
                values.try_for_each(|(index, value)| self.shape(*shape, value, &format!("{path}[{index}]")))
            }
            Shape::Struct(shape) => {
                let members = self.members(value, path)?;
                self.fields(&members, shape.fields, value, path)
            }
            Shape::Tagged(shape) => {
                let members = self.members(value, path)?;
                let (kind, at) = self.kind(&members, value, path)?;
                match shape.kinds.iter().find(|(name, _)| *name == kind) {
                    Some((_, fields)) => self.fields(&members, fields, value, path),
                    None => {
                        let path = join(path, tagged::KIND);
                        self.note_unknown(at, path, format!("unknown kind {kind:?} of {}", shape.name));
                        Ok(())
                    }
                }
            }
            Shape::OneOf(shape) => {
                let name: String = self.read(value, path)?;
                if !shape.values.contains(&name.as_str()) {
                    self.note_unknown(value, path.to_owned(), format!("unknown {} {name:?}", shape.name));
                }
                Ok(())
            }
        }
    }

    fn fields(
        &mut self,
        members: &[(Cow<'a, str>, &'a RawValue)],
        fields: &[Field],
        object: &'a RawValue,
        path: &str,
    ) -> Result<(), Fault> {
        for field in fields {
            let path_of_field = join(path, field.name);
            let mut found = members
                .iter()
                .filter(|(key, _)| key == field.name)
                .map(|(_, value)| *value);
            match (found.next(), found.next(), field.presence) {
                (_, Some(second), _) => {
                    return Err(self.fault(second, path_of_field, "the field stands there twice".to_owned()));
                }
                (None, None, Presence::Required) => {
                    let message = format!("the field `{}` is missing", field.name);
                    return Err(self.fault(object, path_of_field, message));
                }
                (None, None, _) => {}
                (Some(value), None, Presence::OmittedWhenNone | Presence::NullWhenNone) if value.get() == "null" => {}
                (Some(value), None, _) => self.shape(field.shape, value, &path_of_field)?,
            }
        }
        Ok(())
    }

    /// The text of the object's kind, and where it stands.
    fn kind(
        &self,
        members: &[(Cow<'a, str>, &'a RawValue)],
        object: &'a RawValue,
        path: &str,
    ) -> Result<(String, &'a RawValue), Fault> {
        let path = join(path, tagged::KIND);
        let mut kinds = members
            .iter()
            .filter(|(key, _)| key == tagged::KIND)
            .map(|(_, value)| *value);
        match (kinds.next(), kinds.next()) {
            (None, _) => Err(self.fault(object, path, "the field `kind` is missing".to_owned())),
            (Some(_), Some(second)) => Err(self.fault(second, path, "the field stands there twice".to_owned())),
            (Some(kind), None) => Ok((self.read(kind, &path)?, kind)),
        }
    }

    fn members(&self, value: &'a RawValue, path: &str) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>, Fault> {
        self.read(value, path).map(|Members(members)| members)
    }

    fn leaf<T: DeserializeOwned>(&self, value: &'a RawValue, path: &str) -> Result<(), Fault> {
        self.read::<T>(value, path).map(drop)
    }

    fn read<T: Deserialize<'a>>(&self, value: &'a RawValue, path: &str) -> Result<T, Fault> {
        serde_json::from_str(value.get()).map_err(|error| self.fault(value, path.to_owned(), message_of(&error)))
    }

    fn fault(&self, at: &RawValue, path: String, message: String) -> Fault {
        Fault {
            kind: DecodeErrorKind::Invalid,
            path,
            message,
            // A raw value is a part of the text: the distance of their addresses is its place.
            offset: (at.get().as_ptr().addr()).saturating_sub(self.text.as_ptr().addr()),
        }
    }

    fn note_unknown(&mut self, at: &RawValue, path: String, message: String) {
        if self.unknown.is_none() {
            self.unknown = Some(Fault {
                kind: DecodeErrorKind::UnknownValue,
                ..self.fault(at, path, message)
            });
        }
    }
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

struct Time;

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        time::deserialize(deserializer).map(|_| Self)
    }
}

struct Duration;

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        duration::deserialize(deserializer).map(|_| Self)
    }
}

struct Map;

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::map::deserialize(deserializer).map(|_| Self)
    }
}

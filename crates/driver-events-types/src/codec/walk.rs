//! A walk through valid JSON along the tables of [`contract`](crate::contract), which gives every fault its path and
//! its place, and tells a text that is wrong from one that is only newer than this version.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::diagnose::{Fault, message_of};
use super::{duration, json, tagged, time};
use crate::contract::{Field, Presence, Shape};
use crate::{DecodeErrorKind, EventKind};

pub(crate) struct Walk<'a> {
    /// The text that every value is a part of.
    text: &'a str,
    /// The first value that is only newer than this version: no fault, as long as there is no other.
    unknown: Option<Fault>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, unknown: None }
    }

    /// The event's kind, and its first fault.
    pub(crate) fn event(mut self, whole: &'a RawValue) -> (Option<String>, Option<Fault>) {
        let (members, kind, at) = match self.members_and_kind(whole) {
            Ok(found) => found,
            Err(fault) => return (None, Some(fault)),
        };
        let fault = match kind.parse::<EventKind>() {
            Ok(known) => self.fields(&members, known.fields(), whole, "").err(),
            Err(error) => {
                self.note_unknown(DecodeErrorKind::UnknownKind, at, tagged::KIND, error.to_string());
                None
            }
        };
        (Some(kind), fault.or(self.unknown))
    }

    fn members_and_kind(&self, whole: &'a RawValue) -> Result<(Members<'a>, String, &'a RawValue), Fault> {
        let members = self.members(whole, "").map_err(|fault| match fault.kind {
            DecodeErrorKind::Invalid => missing_kind(fault),
            _ => fault,
        })?;
        let Some(at) = self.only(&members, tagged::KIND, tagged::KIND)? else {
            return Err(missing_kind(self.missing(whole, tagged::KIND, tagged::KIND)));
        };
        let kind = self.read(at, tagged::KIND).map_err(missing_kind)?;
        Ok((members, kind, at))
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
            Shape::Json => self.leaf::<json::Free<Value>>(value, path),
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
                let path_of_kind = join(path, tagged::KIND);
                let Some(at) = self.only(&members, tagged::KIND, &path_of_kind)? else {
                    return Err(self.missing(value, tagged::KIND, &path_of_kind));
                };
                let kind: String = self.read(at, &path_of_kind)?;
                if let Some((_, fields)) = shape.kinds.iter().find(|(name, _)| *name == kind) {
                    return self.fields(&members, fields, value, path);
                }
                let message = format!("unknown kind {kind:?} of {}", shape.name);
                self.note_unknown(DecodeErrorKind::UnknownValue, at, &path_of_kind, message);
                Ok(())
            }
            Shape::OneOf(shape) => {
                let name: String = self.read(value, path)?;
                if !shape.values.contains(&name.as_str()) {
                    let message = format!("unknown {} {name:?}", shape.name);
                    self.note_unknown(DecodeErrorKind::UnknownValue, value, path, message);
                }
                Ok(())
            }
        }
    }

    fn fields(
        &mut self,
        members: &Members<'a>,
        fields: &[Field],
        object: &'a RawValue,
        path: &str,
    ) -> Result<(), Fault> {
        for field in fields {
            let path = join(path, field.name);
            match (self.only(members, field.name, &path)?, field.presence) {
                (None, Presence::Required) => return Err(self.missing(object, field.name, &path)),
                (None, _) => {}
                (Some(value), Presence::OmittedWhenNone | Presence::NullWhenNone) if value.get() == "null" => {}
                (Some(value), _) => self.shape(field.shape, value, &path)?,
            }
        }
        Ok(())
    }

    fn members(&self, value: &'a RawValue, path: &str) -> Result<Members<'a>, Fault> {
        self.read(value, path)
            .map_err(|fault| match value.get().starts_with('{') {
                // It is an object, so what cannot be read is a key: its escapes stand for no text.
                true => Fault {
                    kind: DecodeErrorKind::Syntax,
                    ..fault
                },
                false => fault,
            })
    }

    /// The member of that name, which must not stand there twice.
    fn only(&self, members: &Members<'a>, name: &str, path: &str) -> Result<Option<&'a RawValue>, Fault> {
        let mut found = members.0.iter().filter(|(key, _)| key == name).map(|(_, value)| *value);
        let first = found.next();
        match found.next() {
            Some(second) => Err(self.fault(second, path, format!("the field `{name}` stands there twice"))),
            None => Ok(first),
        }
    }

    fn leaf<T: Deserialize<'a>>(&self, value: &'a RawValue, path: &str) -> Result<(), Fault> {
        self.read::<T>(value, path).map(drop)
    }

    fn read<T: Deserialize<'a>>(&self, value: &'a RawValue, path: &str) -> Result<T, Fault> {
        serde_json::from_str(value.get()).map_err(|error| self.fault(value, path, message_of(&error)))
    }

    fn missing(&self, object: &RawValue, name: &str, path: &str) -> Fault {
        self.fault(object, path, format!("the field `{name}` is missing"))
    }

    fn fault(&self, at: &RawValue, path: &str, message: String) -> Fault {
        Fault {
            kind: DecodeErrorKind::Invalid,
            path: path.to_owned(),
            message,
            // A raw value is a part of the text: the distance of their addresses is its place.
            offset: (at.get().as_ptr().addr()).saturating_sub(self.text.as_ptr().addr()),
        }
    }

    fn note_unknown(&mut self, kind: DecodeErrorKind, at: &RawValue, path: &str, message: String) {
        if self.unknown.is_none() {
            let fault = self.fault(at, path, message);
            self.unknown = Some(Fault { kind, ..fault });
        }
    }
}

fn missing_kind(fault: Fault) -> Fault {
    Fault {
        kind: DecodeErrorKind::MissingKind,
        ..fault
    }
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

/// The members of an object, in the order of the text.
struct Members<'a>(Vec<(String, &'a RawValue)>);

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
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
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

//! Validates JSON against the tables of [`contract`](crate::contract). It finds the path and the offset of the first
//! fault, and distinguishes an invalid event from one of a newer publisher.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::decode_error::DecodeErrorKind;
use super::fault::{Fault, message_of};
use super::{duration, json, tagged, time};
use crate::contract::{Field, Presence, Shape};
use crate::kind::EventKind;

pub(crate) struct Validator<'a> {
    /// The event text. Every value is a slice of it.
    text: &'a str,
    /// The first unknown kind or enum value. It is returned only if the event has no other fault.
    unknown: Option<Fault>,
}

impl<'a> Validator<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, unknown: None }
    }

    /// Returns the event's kind and its first fault.
    pub(crate) fn validate_event(mut self, event: &'a RawValue) -> (Option<String>, Option<Fault>) {
        let (members, kind, at) = match self.read_members_and_kind(event) {
            Ok(found) => found,
            Err(fault) => return (None, Some(fault)),
        };
        let fault = match kind.parse::<EventKind>() {
            Ok(known) => self.check_fields(&members, known.fields(), event, "").err(),
            Err(error) => {
                self.note_unknown(DecodeErrorKind::UnknownKind, at, tagged::KIND, error.to_string());
                None
            }
        };
        (Some(kind), fault.or(self.unknown))
    }

    fn read_members_and_kind(&self, event: &'a RawValue) -> Result<(Members<'a>, String, &'a RawValue), Fault> {
        let members: Members<'a> = self.read(event, "").map_err(missing_kind)?;
        let Some(at) = self.unique_member(&members, tagged::KIND, tagged::KIND)? else {
            return Err(missing_kind(self.missing_field(event, tagged::KIND, tagged::KIND)));
        };
        let kind = self.read(at, tagged::KIND).map_err(missing_kind)?;
        Ok((members, kind, at))
    }

    fn check_shape(&mut self, shape: Shape, value: &'a RawValue, path: &str) -> Result<(), Fault> {
        match shape {
            Shape::Text => self.check_scalar::<String>(value, path),
            Shape::Bool => self.check_scalar::<bool>(value, path),
            Shape::I32 => self.check_scalar::<i32>(value, path),
            Shape::U32 => self.check_scalar::<u32>(value, path),
            Shape::U64 => self.check_scalar::<u64>(value, path),
            Shape::F64 => self.check_scalar::<f64>(value, path),
            Shape::Id => self.check_scalar::<Uuid>(value, path),
            Shape::Time => self.check_scalar::<Time>(value, path),
            Shape::Duration => self.check_scalar::<Duration>(value, path),
            Shape::Json => self.check_scalar::<json::FreeJson<Value>>(value, path),
            Shape::Map => self.check_scalar::<Map>(value, path),
            Shape::Array(shape) => {
                let values: Vec<&RawValue> = self.read(value, path)?;
                let mut values = values.into_iter().enumerate();
                values.try_for_each(|(index, value)| self.check_shape(*shape, value, &format!("{path}[{index}]")))
            }
            Shape::Struct(shape) => {
                let members: Members<'a> = self.read(value, path)?;
                self.check_fields(&members, shape.fields, value, path)
            }
            Shape::Tagged(shape) => {
                let members: Members<'a> = self.read(value, path)?;
                let kind_path = join(path, tagged::KIND);
                let Some(at) = self.unique_member(&members, tagged::KIND, &kind_path)? else {
                    return Err(self.missing_field(value, tagged::KIND, &kind_path));
                };
                let kind: String = self.read(at, &kind_path)?;
                if let Some(variant) = shape.kinds.iter().find(|variant| variant.name == kind) {
                    return self.check_fields(&members, variant.fields, value, path);
                }
                let message = format!("unknown {} kind `{}`", shape.name, kind.escape_debug());
                self.note_unknown(DecodeErrorKind::UnknownValue, at, &kind_path, message);
                Ok(())
            }
            Shape::OneOf(shape) => {
                let name: String = self.read(value, path)?;
                if !shape.values.iter().any(|value| value.name == name) {
                    let message = format!("unknown {} `{}`", shape.name, name.escape_debug());
                    self.note_unknown(DecodeErrorKind::UnknownValue, value, path, message);
                }
                Ok(())
            }
        }
    }

    fn check_fields(
        &mut self,
        members: &Members<'a>,
        fields: &[Field],
        object: &'a RawValue,
        path: &str,
    ) -> Result<(), Fault> {
        for field in fields {
            let path = join(path, field.name);
            match (self.unique_member(members, field.name, &path)?, field.presence) {
                (None, Presence::Required) => return Err(self.missing_field(object, field.name, &path)),
                (None, _) => {}
                (Some(value), Presence::OmittedWhenNone | Presence::NullWhenNone) if value.get() == "null" => {}
                (Some(value), _) => self.check_shape(field.shape, value, &path)?,
            }
        }
        Ok(())
    }

    /// Returns the member of the given name; a duplicate is a fault.
    fn unique_member(&self, members: &Members<'a>, name: &str, path: &str) -> Result<Option<&'a RawValue>, Fault> {
        let mut found = members.0.iter().filter(|(key, _)| key == name).map(|(_, value)| *value);
        let first = found.next();
        match found.next() {
            Some(second) => Err(self.fault_at(second, path, format!("duplicate field `{name}`"))),
            None => Ok(first),
        }
    }

    fn check_scalar<T: Deserialize<'a>>(&self, value: &'a RawValue, path: &str) -> Result<(), Fault> {
        self.read::<T>(value, path).map(drop)
    }

    fn read<T: Deserialize<'a>>(&self, value: &'a RawValue, path: &str) -> Result<T, Fault> {
        serde_json::from_str(value.get()).map_err(|error| self.fault_at(value, path, message_of(&error)))
    }

    fn missing_field(&self, object: &RawValue, name: &str, path: &str) -> Fault {
        self.fault_at(object, path, format!("missing field `{name}`"))
    }

    fn fault_at(&self, at: &RawValue, path: &str, message: String) -> Fault {
        Fault {
            kind: DecodeErrorKind::Invalid,
            path: path.to_owned(),
            message,
            // A raw value is a slice of the text, so the difference of the addresses is its offset.
            offset: (at.get().as_ptr().addr()).saturating_sub(self.text.as_ptr().addr()),
        }
    }

    fn note_unknown(&mut self, kind: DecodeErrorKind, at: &RawValue, path: &str, message: String) {
        if self.unknown.is_none() {
            let fault = self.fault_at(at, path, message);
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

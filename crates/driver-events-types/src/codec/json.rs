//! Free JSON inside an event: read and written the same way whatever features of serde_json the build switches on.
//!
//! `preserve_order` keeps the keys of a map in the order of the input, and `arbitrary_precision` keeps numbers as the
//! text of the input. The contract has keys sorted and numbers as shortest text, so both are undone here: numbers when
//! they are read, the order of keys when they are written.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::{Map, Number, Value};

use super::depth;

/// The key under which serde_json hands a number's text to a visitor when `arbitrary_precision` is on.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    deserializer.deserialize_any(FreeVisitor)
}

pub(crate) fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    if depth::of_value(value) > depth::DEEPEST {
        return Err(S::Error::custom("the JSON value nests too deep to be written"));
    }
    Canonical(value).serialize(serializer)
}

/// The same for an object.
pub(crate) mod map {
    use super::*;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
        match deserializer.deserialize_map(FreeVisitor)? {
            Value::Object(map) => Ok(map),
            _ => Err(D::Error::custom("expected an object")),
        }
    }

    pub(crate) fn serialize<S: Serializer>(map: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
        if depth::of_map(map) > depth::DEEPEST {
            return Err(S::Error::custom("the JSON object nests too deep to be written"));
        }
        CanonicalMap(map).serialize(serializer)
    }
}

/// A value that is read as free JSON.
pub(crate) struct Free(pub(crate) Value);

impl<'de> Deserialize<'de> for Free {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Free)
    }
}

struct FreeVisitor;

impl<'de> Visitor<'de> for FreeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        number_from_f64(value).map(Value::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Free(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.is_empty() && key == NUMBER_TOKEN {
                match entries.next_value()? {
                    AfterToken::NumberText(text) => return number_from_text(&text).map(Value::Number),
                    AfterToken::Value(value) => map.insert(key, value),
                };
            } else {
                let Free(value) = entries.next_value()?;
                map.insert(key, value);
            }
        }
        Ok(Value::Object(map))
    }
}

/// What stands behind [`NUMBER_TOKEN`]: serde_json passes the text of a number as an owned string, while the text of
/// an object that really has such a key is borrowed from the input. So a hostile object is not taken for a number.
enum AfterToken {
    NumberText(String),
    Value(Value),
}

impl<'de> Deserialize<'de> for AfterToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AfterTokenVisitor;

        impl<'de> Visitor<'de> for AfterTokenVisitor {
            type Value = AfterToken;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                FreeVisitor.expecting(f)
            }

            fn visit_string<E>(self, text: String) -> Result<AfterToken, E> {
                Ok(AfterToken::NumberText(text))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<AfterToken, E> {
                FreeVisitor.visit_str(text).map(AfterToken::Value)
            }

            fn visit_unit<E: de::Error>(self) -> Result<AfterToken, E> {
                FreeVisitor.visit_unit().map(AfterToken::Value)
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<AfterToken, E> {
                FreeVisitor.visit_bool(value).map(AfterToken::Value)
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<AfterToken, E> {
                FreeVisitor.visit_u64(value).map(AfterToken::Value)
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<AfterToken, E> {
                FreeVisitor.visit_i64(value).map(AfterToken::Value)
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<AfterToken, E> {
                FreeVisitor.visit_f64(value).map(AfterToken::Value)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<AfterToken, A::Error> {
                FreeVisitor.visit_seq(seq).map(AfterToken::Value)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AfterToken, A::Error> {
                FreeVisitor.visit_map(map).map(AfterToken::Value)
            }
        }

        deserializer.deserialize_any(AfterTokenVisitor)
    }
}

/// Reads a number's text as serde_json does when `arbitrary_precision` is off.
fn number_from_text<E: de::Error>(text: &str) -> Result<Number, E> {
    if let Ok(number) = text.parse::<u64>() {
        return Ok(number.into());
    }
    match text.parse::<i64>() {
        Ok(number) if number != 0 => Ok(number.into()),
        // "-0" is a float: no integer has that sign.
        _ => text.parse::<f64>().map_err(E::custom).and_then(number_from_f64),
    }
}

fn number_from_f64<E: de::Error>(value: f64) -> Result<Number, E> {
    Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))
}

/// Writes keys in sorted order and numbers as shortest text.
struct Canonical<'a>(&'a Value);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(number) => serialize_number(number, serializer),
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(values) => serializer.collect_seq(values.iter().map(Canonical)),
            Value::Object(map) => CanonicalMap(map).serialize(serializer),
        }
    }
}

struct CanonicalMap<'a>(&'a Map<String, Value>);

impl Serialize for CanonicalMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map = self.0;
        let mut out = serializer.serialize_map(Some(map.len()))?;
        if map.keys().is_sorted() {
            for (key, value) in map {
                out.serialize_entry(key, &Canonical(value))?;
            }
        } else {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            for (key, value) in entries {
                out.serialize_entry(key, &Canonical(value))?;
            }
        }
        out.end()
    }
}

fn serialize_number<S: Serializer>(number: &Number, serializer: S) -> Result<S::Ok, S::Error> {
    if let Some(value) = number.as_u64() {
        return serializer.serialize_u64(value);
    }
    match (number.as_i64(), number.as_f64()) {
        (Some(value), _) if value != 0 => serializer.serialize_i64(value),
        (Some(_), _) => serializer.serialize_f64(-0.0),
        (None, Some(value)) if value.is_finite() => serializer.serialize_f64(value),
        (None, _) => Err(S::Error::custom(format_args!("the number {number} is out of range"))),
    }
}

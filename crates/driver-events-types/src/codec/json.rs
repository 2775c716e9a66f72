//! Free JSON inside an event: read and written the same way whatever features of serde_json the build switches on.
//!
//! `preserve_order` keeps the keys of a map in the order of the input, and `arbitrary_precision` keeps numbers as the
//! text of the input. The contract has keys sorted and numbers as shortest text, so both are undone here: numbers when
//! they are read, the order of keys when they are written.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::{Map, Number, Value};

use super::depth;
use super::text::Text;

pub(crate) const OUT_OF_RANGE: &str = "the number is larger than any float";

/// Whether a number can be written. Only those that `arbitrary_precision` keeps as text may be too large.
pub(crate) fn is_representable(number: &Number) -> bool {
    number.as_f64().is_some()
}

/// The key under which serde_json hands a number's text to a visitor when `arbitrary_precision` is on.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    read(deserializer)
}

pub(crate) fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    let levels = depth::DEEPEST;
    Canonical { value, levels }.serialize(serializer)
}

/// The same for an object.
pub(crate) mod map {
    use super::*;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
        match deserializer.deserialize_map(TreeVisitor(PhantomData))? {
            Value::Object(map) => Ok(map),
            _ => Err(D::Error::custom("expected an object")),
        }
    }

    pub(crate) fn serialize<S: Serializer>(map: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_map(map, depth::DEEPEST, serializer)
    }
}

/// What free JSON is read into.
pub(crate) trait Tree: Sized {
    type Members: Default;

    /// Null, a boolean, a number or a string.
    fn scalar(scalar: Value) -> Self;
    fn array(values: Vec<Self>) -> Self;
    fn object(members: Self::Members) -> Self;
    fn insert(members: &mut Self::Members, key: String, value: Self);
}

impl Tree for Value {
    type Members = Map<String, Value>;

    fn scalar(scalar: Value) -> Self {
        scalar
    }

    fn array(values: Vec<Self>) -> Self {
        Self::Array(values)
    }

    fn object(members: Self::Members) -> Self {
        Self::Object(members)
    }

    fn insert(members: &mut Self::Members, key: String, value: Self) {
        members.insert(key, value);
    }
}

/// Reads any JSON value.
pub(crate) fn read<'de, T: Tree, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(TreeVisitor(PhantomData))
}

/// A value that is read as free JSON.
pub(crate) struct Free<T>(pub(crate) T);

impl<'de, T: Tree> Deserialize<'de> for Free<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer).map(Free)
    }
}

struct TreeVisitor<T>(PhantomData<T>);

impl<'de, T: Tree> Visitor<'de> for TreeVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        read(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(T::scalar(Value::Bool(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        Ok(T::scalar(Value::Number(value.into())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(T::scalar(Value::Number(value.into())))
    }

    // Integers of more than 64 bits come from a `Value` that was made with `arbitrary_precision`. Everywhere else
    // they are floats.
    fn visit_u128<E: de::Error>(self, value: u128) -> Result<T, E> {
        self.visit_f64(value as f64)
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<T, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        number_from_f64(value).map(T::scalar)
    }

    fn visit_str<E>(self, value: &str) -> Result<T, E> {
        Ok(T::scalar(Value::String(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<T, E> {
        Ok(T::scalar(Value::String(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        let mut values = Vec::new();
        while let Some(Free(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(T::array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<T, A::Error> {
        let mut members = T::Members::default();
        let mut first = true;
        while let Some(Text(key)) = entries.next_key()? {
            let value = if first && matches!(key, Cow::Borrowed(NUMBER_TOKEN)) {
                match entries.next_value()? {
                    AfterToken::NumberText(text) => return number_from_text(&text).map(T::scalar),
                    AfterToken::Tree(value) => value,
                }
            } else {
                entries.next_value::<Free<T>>()?.0
            };
            T::insert(&mut members, key.into_owned(), value);
            first = false;
        }
        Ok(T::object(members))
    }
}

/// What stands behind [`NUMBER_TOKEN`].
///
/// serde_json passes a number as a borrowed token and an owned text. In an object that really has such a key both are
/// borrowed, when it is read from text, or both are owned, when it is read from a `Value`. So a hostile object is not
/// taken for a number.
enum AfterToken<T> {
    NumberText(String),
    Tree(T),
}

impl<'de, T: Tree> Deserialize<'de> for AfterToken<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AfterTokenVisitor(TreeVisitor(PhantomData)))
    }
}

struct AfterTokenVisitor<T>(TreeVisitor<T>);

impl<'de, T: Tree> Visitor<'de> for AfterTokenVisitor<T> {
    type Value = AfterToken<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Visitor::expecting(&self.0, f)
    }

    fn visit_string<E>(self, text: String) -> Result<AfterToken<T>, E> {
        Ok(AfterToken::NumberText(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AfterToken<T>, E> {
        self.0.visit_str(text).map(AfterToken::Tree)
    }

    fn visit_unit<E: de::Error>(self) -> Result<AfterToken<T>, E> {
        self.0.visit_unit().map(AfterToken::Tree)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<AfterToken<T>, E> {
        self.0.visit_bool(value).map(AfterToken::Tree)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<AfterToken<T>, E> {
        self.0.visit_u64(value).map(AfterToken::Tree)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<AfterToken<T>, E> {
        self.0.visit_i64(value).map(AfterToken::Tree)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<AfterToken<T>, E> {
        self.0.visit_f64(value).map(AfterToken::Tree)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<AfterToken<T>, A::Error> {
        self.0.visit_seq(seq).map(AfterToken::Tree)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AfterToken<T>, A::Error> {
        self.0.visit_map(map).map(AfterToken::Tree)
    }
}

/// Reads a number's text as serde_json does when `arbitrary_precision` is off.
fn number_from_text<E: de::Error>(text: &str) -> Result<Value, E> {
    if let Ok(number) = text.parse::<u64>() {
        return Ok(Value::Number(number.into()));
    }
    match text.parse::<i64>() {
        Ok(number) if number != 0 => Ok(Value::Number(number.into())),
        // "-0" is a float: no integer has that sign.
        _ => text.parse::<f64>().map_err(E::custom).and_then(number_from_f64),
    }
}

fn number_from_f64<E: de::Error>(value: f64) -> Result<Value, E> {
    Number::from_f64(value)
        .map(Value::Number)
        .ok_or_else(|| E::custom(OUT_OF_RANGE))
}

/// Writes keys in sorted order and numbers as shortest text.
struct Canonical<'a> {
    value: &'a Value,
    /// How many arrays and objects may still be inside of one another. Descending further endangers the stack.
    levels: usize,
}

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(number) => serialize_number(number, serializer),
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(values) => {
                let levels = next_level::<S>(self.levels)?;
                serializer.collect_seq(values.iter().map(|value| Canonical { value, levels }))
            }
            Value::Object(map) => serialize_map(map, self.levels, serializer),
        }
    }
}

fn serialize_map<S: Serializer>(map: &Map<String, Value>, levels: usize, serializer: S) -> Result<S::Ok, S::Error> {
    let levels = next_level::<S>(levels)?;
    let entry = |(key, value)| (key, Canonical { value, levels });
    if map.keys().is_sorted() {
        serializer.collect_map(map.iter().map(entry))
    } else {
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        serializer.collect_map(entries.into_iter().map(entry))
    }
}

fn next_level<S: Serializer>(levels: usize) -> Result<usize, S::Error> {
    levels
        .checked_sub(1)
        .ok_or_else(|| S::Error::custom("the JSON nests too deep to be written"))
}

fn serialize_number<S: Serializer>(number: &Number, serializer: S) -> Result<S::Ok, S::Error> {
    if let Some(value) = number.as_u64() {
        return serializer.serialize_u64(value);
    }
    match (number.as_i64(), number.as_f64()) {
        // "-0" is a float: no integer has that sign.
        (Some(0), _) => serializer.serialize_f64(-0.0),
        (Some(value), _) => serializer.serialize_i64(value),
        (None, Some(value)) => serializer.serialize_f64(value),
        (None, None) => Err(S::Error::custom(OUT_OF_RANGE)),
    }
}

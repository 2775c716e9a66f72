//! Free JSON inside an event, encoded and decoded identically with every feature set of serde_json.
//!
//! The contract requires sorted keys and numbers as shortest text. `preserve_order` keeps keys in input order, so the
//! encoder sorts them. `arbitrary_precision` keeps the input text of numbers, so the decoder normalises them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::{Map, Number, Value};

use super::depth;
use super::text::Text;

pub(crate) const OUT_OF_RANGE: &str = "number exceeds the range of a 64-bit float";

/// Returns whether the number fits a 64-bit float. Only a number that `arbitrary_precision` keeps as text may not.
pub(crate) fn is_representable(number: &Number) -> bool {
    number.as_f64().is_some()
}

/// The key under which serde_json passes a number's text to a visitor if `arbitrary_precision` is enabled.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    read(deserializer)
}

pub(crate) fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    let depth_left = depth::MAX_DEPTH;
    Canonical { value, depth_left }.serialize(serializer)
}

/// Encodes and decodes free JSON that must be an object.
pub(crate) mod map {
    use super::*;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
        match deserializer.deserialize_map(TreeVisitor(PhantomData))? {
            Value::Object(map) => Ok(map),
            _ => Err(D::Error::custom("expected an object")),
        }
    }

    pub(crate) fn serialize<S: Serializer>(map: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_map(map, depth::MAX_DEPTH, serializer)
    }
}

/// A type that free JSON is deserialized into.
pub(crate) trait Tree: Sized {
    type Members: Default;

    /// Creates a value from `null`, a boolean, a number or a string.
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

/// Deserializes any JSON value.
pub(crate) fn read<'de, T: Tree, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(TreeVisitor(PhantomData))
}

/// A value that is deserialized as free JSON.
pub(crate) struct FreeJson<T>(pub(crate) T);

impl<'de, T: Tree> Deserialize<'de> for FreeJson<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer).map(FreeJson)
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

    // A `Value` with `arbitrary_precision` passes integers of more than 64 bits here. Without the feature they are
    // floats.
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
        while let Some(FreeJson(value)) = seq.next_element()? {
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
                entries.next_value::<FreeJson<T>>()?.0
            };
            T::insert(&mut members, key.into_owned(), value);
            first = false;
        }
        Ok(T::object(members))
    }
}

/// The value that follows [`NUMBER_TOKEN`].
///
/// serde_json passes a number as a borrowed token with an owned text. An object that has this key in the input passes
/// both borrowed if deserialized from text, both owned if from a `Value`. So a hostile object is not mistaken for a
/// number.
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

/// Parses a number's text as serde_json does without `arbitrary_precision`.
fn number_from_text<E: de::Error>(text: &str) -> Result<Value, E> {
    if let Ok(number) = text.parse::<u64>() {
        return Ok(Value::Number(number.into()));
    }
    match text.parse::<i64>() {
        Ok(number) if number != 0 => Ok(Value::Number(number.into())),
        // "-0" is a float: integers have no negative zero.
        _ => text.parse::<f64>().map_err(E::custom).and_then(number_from_f64),
    }
}

fn number_from_f64<E: de::Error>(value: f64) -> Result<Value, E> {
    Number::from_f64(value)
        .map(Value::Number)
        .ok_or_else(|| E::custom(OUT_OF_RANGE))
}

/// Serializes with sorted keys and numbers as shortest text.
struct Canonical<'a> {
    value: &'a Value,
    /// Number of levels that may still be entered. It bounds the recursion and so the stack.
    depth_left: usize,
}

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(number) => serialize_number(number, serializer),
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(values) => {
                let depth_left = enter_level::<S>(self.depth_left)?;
                serializer.collect_seq(values.iter().map(|value| Canonical { value, depth_left }))
            }
            Value::Object(map) => serialize_map(map, self.depth_left, serializer),
        }
    }
}

fn serialize_map<S: Serializer>(map: &Map<String, Value>, depth_left: usize, serializer: S) -> Result<S::Ok, S::Error> {
    let depth_left = enter_level::<S>(depth_left)?;
    let entry = |(key, value)| (key, Canonical { value, depth_left });
    if map.keys().is_sorted() {
        serializer.collect_map(map.iter().map(entry))
    } else {
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        serializer.collect_map(entries.into_iter().map(entry))
    }
}

fn enter_level<S: Serializer>(depth_left: usize) -> Result<usize, S::Error> {
    depth_left
        .checked_sub(1)
        .ok_or_else(|| S::Error::custom("JSON nests too deep"))
}

pub(crate) fn serialize_number<S: Serializer>(number: &Number, serializer: S) -> Result<S::Ok, S::Error> {
    if let Some(value) = number.as_u64() {
        return serializer.serialize_u64(value);
    }
    match (number.as_i64(), number.as_f64()) {
        // "-0" is a float: integers have no negative zero.
        (Some(0), _) => serializer.serialize_f64(-0.0),
        (Some(value), _) => serializer.serialize_i64(value),
        (None, Some(value)) => serializer.serialize_f64(value),
        (None, None) => Err(S::Error::custom(OUT_OF_RANGE)),
    }
}

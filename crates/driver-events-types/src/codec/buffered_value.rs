//! Buffers the fields that precede `"kind"`, until the kind determines how to deserialize them.

use std::marker::PhantomData;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::json::Tree;

/// Any JSON value. Unlike [`Value`] it keeps duplicate keys, so that they are rejected as in an unbuffered field.
pub(crate) enum BufferedValue {
    Scalar(Value),
    Array(Vec<BufferedValue>),
    Object(Vec<(String, BufferedValue)>),
}

impl Tree for BufferedValue {
    type Members = Vec<(String, BufferedValue)>;

    fn scalar(scalar: Value) -> Self {
        Self::Scalar(scalar)
    }

    fn array(values: Vec<Self>) -> Self {
        Self::Array(values)
    }

    fn object(members: Self::Members) -> Self {
        Self::Object(members)
    }

    fn insert(members: &mut Self::Members, key: String, value: Self) {
        members.push((key, value));
    }
}

impl<'de, E: Error> IntoDeserializer<'de, E> for BufferedValue {
    type Deserializer = BufferedValueDeserializer<E>;

    fn into_deserializer(self) -> BufferedValueDeserializer<E> {
        BufferedValueDeserializer {
            value: self,
            error: PhantomData,
        }
    }
}

pub(crate) struct BufferedValueDeserializer<E> {
    value: BufferedValue,
    error: PhantomData<E>,
}

impl<'de, E: Error> Deserializer<'de> for BufferedValueDeserializer<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.value {
            BufferedValue::Scalar(scalar) => scalar.deserialize_any(visitor).map_err(E::custom),
            BufferedValue::Array(values) => {
                let mut values = SeqDeserializer::new(values.into_iter());
                let value = visitor.visit_seq(&mut values)?;
                values.end().map(|()| value)
            }
            BufferedValue::Object(entries) => {
                let mut entries = MapDeserializer::new(entries.into_iter());
                let value = visitor.visit_map(&mut entries)?;
                entries.end().map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.value {
            BufferedValue::Scalar(Value::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

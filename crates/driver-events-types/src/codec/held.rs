//! A field that is kept until it is known how to read it.

use std::marker::PhantomData;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::json::Tree;

/// Any JSON value. Unlike [`Value`] it keeps keys that stand twice, so that they are refused as they are elsewhere.
pub(crate) enum Held {
    Scalar(Value),
    Array(Vec<Held>),
    Object(Vec<(String, Held)>),
}

impl Tree for Held {
    type Members = Vec<(String, Held)>;

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

impl<'de, E: Error> IntoDeserializer<'de, E> for Held {
    type Deserializer = HeldDeserializer<E>;

    fn into_deserializer(self) -> HeldDeserializer<E> {
        HeldDeserializer {
            held: self,
            error: PhantomData,
        }
    }
}

pub(crate) struct HeldDeserializer<E> {
    held: Held,
    error: PhantomData<E>,
}

impl<'de, E: Error> Deserializer<'de> for HeldDeserializer<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.held {
            Held::Scalar(scalar) => scalar.deserialize_any(visitor).map_err(E::custom),
            Held::Array(values) => {
                let mut values = SeqDeserializer::new(values.into_iter());
                let value = visitor.visit_seq(&mut values)?;
                values.end().map(|()| value)
            }
            Held::Object(entries) => {
                let mut entries = MapDeserializer::new(entries.into_iter());
                let value = visitor.visit_map(&mut entries)?;
                entries.end().map(|()| value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.held {
            Held::Scalar(Value::Null) => visitor.visit_none(),
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

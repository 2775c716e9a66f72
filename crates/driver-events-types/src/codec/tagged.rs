//! Deserializes enums that are internally tagged by `"kind"`, without buffering.
//!
//! serde's derive for internally tagged enums buffers the whole object before it reads the tag: it loses positions, breaks
//! floats under serde_json's `arbitrary_precision`, and processes everything twice. This module expects the tag first,
//! where every encoder writes it, and streams the other fields into the variant. Only fields that precede the tag are
//! buffered.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::CowStrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, IntoDeserializer, MapAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::buffered_value::BufferedValue;
use super::json;
use super::text::Text;

/// The key of the tag.
pub(crate) const KIND: &str = "kind";

/// The variants of an enum and their fields: a derived `Deserialize` in the externally tagged form.
pub(crate) trait Fields<'de> {
    type Enum;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self::Enum, D::Error>;
}

/// Deserializes `{"kind": "…", fields…}`, with the kind at any position.
pub(crate) fn deserialize<'de, F, D>(deserializer: D) -> Result<F::Enum, D::Error>
where
    F: Fields<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_map(TaggedVisitor::<F>(PhantomData))
}

struct TaggedVisitor<F>(PhantomData<F>);

impl<'de, F: Fields<'de>> Visitor<'de> for TaggedVisitor<F> {
    type Value = F::Enum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a `kind`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<F::Enum, A::Error> {
        let mut before_kind = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            if key == KIND {
                let Text(kind) = map.next_value()?;
                let remaining = RemainingFields {
                    before_kind: before_kind.into_iter(),
                    next_value: None,
                    map,
                };
                return F::read(Tagged { kind, remaining });
            }
            let json::FreeJson(value) = map.next_value()?;
            before_kind.push((key, value));
        }
        Err(Error::missing_field(KIND))
    }
}

/// The object after its kind was read, presented to the derived code as an externally tagged enum.
struct Tagged<'de, A> {
    kind: Cow<'de, str>,
    remaining: RemainingFields<'de, A>,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Tagged<'de, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Tagged<'de, A> {
    type Error = A::Error;
    type Variant = RemainingFields<'de, A>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, RemainingFields<'de, A>), A::Error> {
        let variant = seed.deserialize(CowStrDeserializer::new(self.kind))?;
        Ok((variant, self.remaining))
    }
}

/// The fields other than the kind: first the buffered ones that precede it, then the unread ones that follow it.
struct RemainingFields<'de, A> {
    before_kind: std::vec::IntoIter<(Cow<'de, str>, BufferedValue)>,
    next_value: Option<BufferedValue>,
    map: A,
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for RemainingFields<'de, A> {
    type Error = A::Error;

    fn unit_variant(mut self) -> Result<(), A::Error> {
        while let Some((IgnoredAny, IgnoredAny)) = self.next_entry()? {}
        Ok(())
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, A::Error> {
        Err(Error::custom("a newtype variant cannot be internally tagged"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(Error::custom("a tuple variant cannot be internally tagged"))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for RemainingFields<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let key = if let Some((key, value)) = self.before_kind.next() {
            self.next_value = Some(value);
            key
        } else if let Some(Text(key)) = self.map.next_key()? {
            if key == KIND {
                return Err(Error::duplicate_field(KIND));
            }
            key
        } else {
            return Ok(None);
        };
        seed.deserialize(CowStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.next_value.take() {
            Some(value) => seed.deserialize(value.into_deserializer()),
            None => self.map.next_value_seed(seed),
        }
    }
}

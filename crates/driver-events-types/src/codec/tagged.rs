//! Enums that are tagged by their `"kind"`, decoded without a detour.
//!
//! serde's derive for internally tagged enums buffers the whole object before it looks at the tag: positions are lost,
//! floats break under serde_json's `arbitrary_precision`, and everything is read twice. Here the tag is expected
//! first, where every encoder puts it, and the other fields stream straight into the variant. Fields that stand before
//! the tag are held until it comes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::CowStrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, IntoDeserializer, MapAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::held::Held;
use super::json;
use super::text::Text;

/// The key that names the variant.
pub(crate) const KIND: &str = "kind";

/// What an enum knows of its variants: a derived `Deserialize` in the externally tagged form.
pub(crate) trait Fields<'de> {
    type Enum;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Self::Enum, D::Error>;
}

/// Reads `{"kind": "…", fields…}`, with the kind at any place.
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
                let rest = Rest {
                    before_kind: before_kind.into_iter(),
                    held: None,
                    map,
                };
                return F::read(Tagged { kind, rest });
            }
            let json::Free(value) = map.next_value()?;
            before_kind.push((key, value));
        }
        Err(Error::missing_field(KIND))
    }
}

/// The object after its kind was found, shown to the derived code as an externally tagged enum.
struct Tagged<'de, A> {
    kind: Cow<'de, str>,
    rest: Rest<'de, A>,
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
    type Variant = Rest<'de, A>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Rest<'de, A>), A::Error> {
        let variant = seed.deserialize(CowStrDeserializer::new(self.kind))?;
        Ok((variant, self.rest))
    }
}

/// The fields other than the kind: first those that stood before it, then those that are still to be read.
struct Rest<'de, A> {
    before_kind: std::vec::IntoIter<(Cow<'de, str>, Held)>,
    held: Option<Held>,
    map: A,
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Rest<'de, A> {
    type Error = A::Error;

    fn unit_variant(mut self) -> Result<(), A::Error> {
        while let Some((IgnoredAny, IgnoredAny)) = self.next_entry()? {}
        Ok(())
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, A::Error> {
        Err(Error::custom(
            "a variant of one unnamed field cannot be tagged by its kind",
        ))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(Error::custom(
            "a variant of unnamed fields cannot be tagged by its kind",
        ))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rest<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let key = if let Some((key, value)) = self.before_kind.next() {
            self.held = Some(value);
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
        match self.held.take() {
            Some(value) => seed.deserialize(value.into_deserializer()),
            None => self.map.next_value_seed(seed),
        }
    }
}

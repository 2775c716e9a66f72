//! The terms of the contract: fields, their values and their presence.

/// A field of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// Form of the value.
    pub shape: Shape,
    /// Meaning of an absent key.
    pub presence: Presence,
    /// Meaning of the value: one or two sentences.
    pub description: &'static str,
    /// Unit of a number, such as `milliseconds` or `tokens`. `None` for a value without a unit.
    pub unit: Option<&'static str>,
    /// Example of the value, as JSON. `None` if the value is an object, an array or a string from a fixed list.
    pub example: Option<&'static str>,
}

impl Field {
    const fn new(name: &'static str, shape: Shape, presence: Presence, description: &'static str) -> Self {
        let (unit, example) = (None, None);
        Self {
            name,
            shape,
            presence,
            description,
            unit,
            example,
        }
    }

    /// A field that is always written.
    pub(super) const fn required(name: &'static str, shape: Shape, description: &'static str) -> Self {
        Self::new(name, shape, Presence::Required, description)
    }

    /// A field that is always written, and is this JSON value if it is absent.
    pub(super) const fn with_default(
        name: &'static str,
        shape: Shape,
        default: &'static str,
        description: &'static str,
    ) -> Self {
        Self::new(name, shape, Presence::Default(default), description)
    }

    /// A field that is omitted if it is `None`.
    pub(super) const fn omitted_when_none(name: &'static str, shape: Shape, description: &'static str) -> Self {
        Self::new(name, shape, Presence::OmittedWhenNone, description)
    }

    /// An object with arbitrary keys that is omitted if it is empty.
    pub(super) const fn omitted_when_empty(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Shape::Map, Presence::OmittedWhenEmpty, description)
    }

    /// A field that is `null` if it is `None`.
    pub(super) const fn null_when_none(name: &'static str, shape: Shape, description: &'static str) -> Self {
        Self::new(name, shape, Presence::NullWhenNone, description)
    }

    pub(super) const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    pub(super) const fn example(mut self, json: &'static str) -> Self {
        self.example = Some(json);
        self
    }
}

/// Whether a field may be absent, and what its absence means.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Presence {
    /// Always written. Absence is an error.
    Required,
    /// Always written. Absence means this JSON value.
    Default(&'static str),
    /// Omitted if `None`. `null` is accepted too.
    OmittedWhenNone,
    /// Omitted if the object is empty.
    OmittedWhenEmpty,
    /// `null` if `None`. Absence is accepted too.
    NullWhenNone,
}

/// The form of a value in the JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// A string.
    Text,
    /// `true` or `false`.
    Bool,
    /// A number: a signed 32-bit integer.
    I32,
    /// A number: an unsigned 32-bit integer.
    U32,
    /// A number: an unsigned 64-bit integer.
    U64,
    /// A number: a finite 64-bit float, written as the shortest text that decodes to the same bits.
    F64,
    /// A string: a UUID in lower case with hyphens.
    Id,
    /// A string: an RFC 3339 time in UTC.
    Time,
    /// A string: a duration in the format of the humantime crate.
    Duration,
    /// Any JSON value, with sorted keys and numbers as shortest text.
    Json,
    /// An object with arbitrary keys, sorted.
    Map,
    /// An array.
    Array(&'static Shape),
    /// An object.
    Struct(&'static Struct),
    /// An object whose fields depend on its first field, `"kind"`.
    Tagged(&'static Tagged),
    /// A string from a fixed list.
    OneOf(&'static OneOf),
}

/// An object with fixed fields.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Struct {
    /// Name of the Rust type.
    pub name: &'static str,
    /// Meaning of the object.
    pub description: &'static str,
    /// The fields in encoding order.
    pub fields: &'static [Field],
}

/// An object whose fields depend on its `"kind"`.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Tagged {
    /// Name of the Rust type.
    pub name: &'static str,
    /// Meaning of the object.
    pub description: &'static str,
    /// The kinds of the object.
    pub kinds: &'static [Variant],
}

/// Kind of a [`Tagged`] object.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Variant {
    /// Text of `"kind"` in the JSON.
    pub name: &'static str,
    /// Meaning of the kind.
    pub description: &'static str,
    /// The fields that follow `"kind"`, in encoding order.
    pub fields: &'static [Field],
}

impl Variant {
    pub(super) const fn new(name: &'static str, description: &'static str, fields: &'static [Field]) -> Self {
        Self {
            name,
            description,
            fields,
        }
    }
}

/// A string from a fixed list.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct OneOf {
    /// Name of the Rust type.
    pub name: &'static str,
    /// Meaning of the string.
    pub description: &'static str,
    /// The strings.
    pub values: &'static [Value],
}

/// String of a [`OneOf`].
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Value {
    /// The string in the JSON.
    pub name: &'static str,
    /// Meaning of the string.
    pub description: &'static str,
}

impl Value {
    pub(super) const fn new(name: &'static str, description: &'static str) -> Self {
        Self { name, description }
    }
}

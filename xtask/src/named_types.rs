//! The named types of the contract: of the fields of all kinds, and of their fields.

use driver_events_types::EventKind;
use driver_events_types::contract::{Field, OneOf, Shape, Struct, Tagged};

/// A type that has a name.
#[derive(Clone, Copy, Debug)]
pub enum Named {
    /// An object with fixed fields.
    Struct(&'static Struct),
    /// An object whose fields depend on its `"kind"`.
    Tagged(&'static Tagged),
    /// A string from a fixed list.
    OneOf(&'static OneOf),
}

impl Named {
    /// Returns the name of the Rust type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Struct(Struct { name, .. }) | Self::Tagged(Tagged { name, .. }) | Self::OneOf(OneOf { name, .. }) => {
                name
            }
        }
    }

    /// Returns the meaning of the type.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Struct(shape) => shape.description,
            Self::Tagged(shape) => shape.description,
            Self::OneOf(shape) => shape.description,
        }
    }
}

/// Returns every named type once, in the order of its first use by the kinds.
#[must_use]
pub fn all() -> Vec<Named> {
    let mut found = Vec::new();
    for kind in EventKind::ALL {
        collect(kind.fields(), &mut found);
    }
    found
}

fn collect(fields: &'static [Field], found: &mut Vec<Named>) {
    for field in fields {
        let Some(named) = named_type(&field.shape) else {
            continue;
        };
        if found.iter().any(|other| other.name() == named.name()) {
            continue;
        }
        found.push(named);
        match named {
            Named::Struct(shape) => collect(shape.fields, found),
            Named::Tagged(shape) => shape.kinds.iter().for_each(|variant| collect(variant.fields, found)),
            Named::OneOf(_) => {}
        }
    }
}

/// Returns the named type of a shape, or of the items of an array.
fn named_type(shape: &Shape) -> Option<Named> {
    match shape {
        Shape::Struct(shape) => Some(Named::Struct(shape)),
        Shape::Tagged(shape) => Some(Named::Tagged(shape)),
        Shape::OneOf(shape) => Some(Named::OneOf(shape)),
        Shape::Array(shape) => named_type(shape),
        _ => None,
    }
}

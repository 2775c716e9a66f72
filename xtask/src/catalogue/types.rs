//! The types of the fields of all kinds.

use driver_events_types::EventKind;
use driver_events_types::contract::{Field, OneOf, Shape, Struct, Tagged};

/// A type with its own section.
#[derive(Clone, Copy)]
pub(super) enum Named {
    Struct(&'static Struct),
    Tagged(&'static Tagged),
    OneOf(&'static OneOf),
}

impl Named {
    /// Returns the name of the Rust type.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Struct(Struct { name, .. }) | Self::Tagged(Tagged { name, .. }) | Self::OneOf(OneOf { name, .. }) => {
                name
            }
        }
    }

    /// Returns the heading of its section.
    pub(super) fn heading(self) -> String {
        match self {
            Self::Struct(_) | Self::Tagged(_) => format!("`{}` object", self.name()),
            Self::OneOf(_) => format!("`{}` values", self.name()),
        }
    }

    /// Returns a link to its section.
    pub(super) fn link(self) -> String {
        let anchor = self.heading().replace('`', "").replace(' ', "-").to_lowercase();
        format!("[`{}`](#{anchor})", self.name())
    }
}

/// Returns every named type once, in the order of its first use by the kinds.
pub(super) fn all() -> Vec<Named> {
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
            Named::Tagged(shape) => shape.kinds.iter().for_each(|(_, fields)| collect(fields, found)),
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

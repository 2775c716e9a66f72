//! The types that events are made of, found by walking the fields of every kind.

use driver_events_types::EventKind;
use driver_events_types::contract::{Field, OneOf, Shape, Struct, Tagged};

/// A type with a name of its own.
#[derive(Clone, Copy)]
pub(super) enum Named {
    Struct(&'static Struct),
    Tagged(&'static Tagged),
    OneOf(&'static OneOf),
}

impl Named {
    /// The name of the Rust type.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Struct(Struct { name, .. }) | Self::Tagged(Tagged { name, .. }) | Self::OneOf(OneOf { name, .. }) => {
                name
            }
        }
    }

    /// The heading of its section.
    pub(super) fn heading(self) -> String {
        match self {
            Self::Struct(_) | Self::Tagged(_) => format!("`{}` object", self.name()),
            Self::OneOf(_) => format!("`{}` values", self.name()),
        }
    }

    /// A link to its section.
    pub(super) fn link(self) -> String {
        let anchor = self.heading().replace('`', "").replace(' ', "-").to_lowercase();
        format!("[`{}`](#{anchor})", self.name())
    }
}

/// Every named type that an event can hold, each once, in the order in which a reader of the kinds meets them.
pub(super) fn all() -> Vec<Named> {
    let mut found = Vec::new();
    for kind in EventKind::ALL {
        walk(kind.fields(), &mut found);
    }
    found
}

fn walk(fields: &'static [Field], found: &mut Vec<Named>) {
    for field in fields {
        let Some(named) = inside(&field.shape) else {
            continue;
        };
        if found.iter().any(|known| known.name() == named.name()) {
            continue;
        }
        found.push(named);
        match named {
            Named::Struct(shape) => walk(shape.fields, found),
            Named::Tagged(shape) => shape.kinds.iter().for_each(|(_, fields)| walk(fields, found)),
            Named::OneOf(_) => {}
        }
    }
}

/// The named type that a shape is, or is an array of.
fn inside(shape: &Shape) -> Option<Named> {
    match shape {
        Shape::Struct(shape) => Some(Named::Struct(shape)),
        Shape::Tagged(shape) => Some(Named::Tagged(shape)),
        Shape::OneOf(shape) => Some(Named::OneOf(shape)),
        Shape::Array(shape) => inside(shape),
        _ => None,
    }
}

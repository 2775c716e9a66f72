//! Paths of fields, checked against the contract.

use driver_events_types::EventKind;
use driver_events_types::contract::{Field, Presence, Shape};

use crate::setup_error::SetupError;

/// A field at a path in the events of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Form of the value. `None` for a key of free JSON, whose value may be anything.
    pub(super) shape: Option<&'static Shape>,
    /// Whether an event without the field is valid.
    pub(super) is_optional: bool,
}

/// Finds the fields at a path in the events of a kind. Arrays are passed through. A tagged object may have several.
pub(super) fn find(kind: EventKind, path: &[String]) -> Vec<Found> {
    let mut found = Vec::new();
    find_among(kind.fields(), path, &mut found);
    found
}

fn find_among(fields: &'static [Field], path: &[String], found: &mut Vec<Found>) {
    let Some((name, rest)) = path.split_first() else { return };
    for field in fields.iter().filter(|field| field.name == *name) {
        if rest.is_empty() {
            found.push(Found {
                shape: Some(&field.shape),
                is_optional: field.presence != Presence::Required,
            });
        } else {
            find_below(&field.shape, rest, found);
        }
    }
}

fn find_below(shape: &'static Shape, path: &[String], found: &mut Vec<Found>) {
    match shape {
        Shape::Array(element) => find_below(element, path, found),
        Shape::Struct(object) => find_among(object.fields, path, found),
        Shape::Tagged(tagged) => {
            for variant in tagged.kinds {
                find_among(variant.fields, path, found);
            }
        }
        Shape::Json | Shape::Map => found.push(Found {
            shape: None,
            is_optional: true,
        }),
        _ => {}
    }
}

/// Returns whether something in a value of this form is text that can be masked.
pub(super) fn is_maskable(shape: &Shape) -> bool {
    match shape {
        Shape::Text | Shape::Json | Shape::Map => true,
        Shape::Array(element) => is_maskable(element),
        Shape::Struct(object) => object.fields.iter().any(|field| is_maskable(&field.shape)),
        Shape::Tagged(tagged) => {
            let mut fields = tagged.kinds.iter().flat_map(|variant| variant.fields);
            fields.any(|field| is_maskable(&field.shape))
        }
        _ => false,
    }
}

/// Splits a path at its dots.
pub(super) fn parse(path: &str) -> Result<Vec<String>, SetupError> {
    let steps: Vec<_> = path.split('.').map(str::to_owned).collect();
    if steps.iter().any(String::is_empty) {
        let message = format!("`{path}` is not a path of a field: names are separated by single dots");
        return Err(SetupError::invalid(message));
    }
    Ok(steps)
}

//! JSON Schema documents: of all kinds, and of one kind.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use driver_events_types::EventKind;

use super::node::{Node, object};
use super::types::{Definitions, Strictness, kind_name};
use crate::examples::Examples;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const PATH: &str = "#/$defs";

/// Returns the id of the schema of all kinds.
pub(super) fn event_id(strictness: Strictness) -> String {
    match strictness {
        Strictness::Reader => "urn:driver-events:schema:event".to_owned(),
        Strictness::Strict => "urn:driver-events:schema:event:strict".to_owned(),
    }
}

/// Returns the id of the schema of one kind.
pub(super) fn kind_id(kind: EventKind, strictness: Strictness) -> String {
    match strictness {
        Strictness::Reader => format!("urn:driver-events:schema:kind:{kind}"),
        Strictness::Strict => format!("urn:driver-events:schema:kind:{kind}:strict"),
    }
}

/// Returns the schema of all kinds.
pub(super) fn of_event(strictness: Strictness, examples: &Examples) -> Result<Node> {
    let definitions = definitions(strictness, examples);
    let mut all = definitions.of_kinds()?;
    all.extend(definitions.of_types()?);
    let (title, description) = match strictness {
        Strictness::Reader => (
            "Event",
            "Event of a driver loop, for readers: unknown kinds, unknown values and unknown fields are valid.",
        ),
        Strictness::Strict => (
            "DriverEvent",
            "Event of a driver loop, of a kind and with values that this version knows. Unknown fields are valid.",
        ),
    };
    Ok(header(event_id(strictness))
        .with("title", title)
        .with("description", description)
        .followed_by(definitions.event())
        .with("$defs", Node::Object(all)))
}

/// Returns the schema of one kind, with the types that it uses.
pub(super) fn of_kind(kind: EventKind, strictness: Strictness, examples: &Examples) -> Result<Node> {
    let definitions = definitions(strictness, examples);
    let name = kind_name(kind);
    let kinds = definitions.of_kinds()?;
    let (_, schema) = kinds
        .into_iter()
        .find(|(found, _)| *found == name)
        .context("a kind has a definition")?;
    let types = used_by(&schema, definitions.of_types()?);
    let schema = header(kind_id(kind, strictness)).followed_by(schema);
    Ok(if types.is_empty() {
        schema
    } else {
        schema.with("$defs", Node::Object(types))
    })
}

fn definitions(strictness: Strictness, examples: &Examples) -> Definitions<'_> {
    Definitions {
        strictness,
        path: PATH,
        examples,
    }
}

fn header(id: String) -> Node {
    object! {"$schema": DIALECT, "$id": id}
}

/// Returns the types that a schema refers to, directly or through others, in their order.
fn used_by(schema: &Node, types: Vec<(String, Node)>) -> Vec<(String, Node)> {
    let mut used = BTreeSet::new();
    let mut pending = vec![schema];
    while let Some(schema) = pending.pop() {
        for name in schema.references() {
            if let Some((name, definition)) = types
                .iter()
                .find(|(found, _)| name.strip_prefix(PATH) == Some(&format!("/{found}")))
                && used.insert(name.clone())
            {
                pending.push(definition);
            }
        }
    }
    types.into_iter().filter(|(name, _)| used.contains(name)).collect()
}

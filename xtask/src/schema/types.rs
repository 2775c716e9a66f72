//! JSON Schema of the contract's values, objects and kinds.
//!
//! Only keywords that JSON Schema 2020-12 and draft 7 have in common are used, since AsyncAPI embeds draft 7.

use anyhow::{Result, bail};
use driver_events_types::EventKind;
use driver_events_types::contract::{Field, OneOf, Presence, Shape, Struct, Tagged};
use serde_json::Value;

use super::node::{Node, object};
use super::text_forms;
use crate::examples::Examples;
use crate::named_types::{self, Named};

/// Whether names that this version does not know are valid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Strictness {
    /// Unknown kinds, inner kinds and enum values are valid: `Decoded::from_json` accepts them.
    Reader,
    /// They are not: `DriverEvent::from_json` refuses them.
    Strict,
}

/// Definitions with names, and the reference to them.
pub(super) struct Definitions<'a> {
    pub(super) strictness: Strictness,
    /// Path of the definitions in the document, such as `#/$defs`.
    pub(super) path: &'static str,
    pub(super) examples: &'a Examples,
}

impl Definitions<'_> {
    /// Returns the definition of each kind, named after the kind.
    pub(super) fn of_kinds(&self) -> Result<Vec<(String, Node)>> {
        EventKind::ALL
            .iter()
            .map(|kind| Ok((kind_name(*kind), self.kind(*kind)?)))
            .collect()
    }

    /// Returns the definition of each named type, and of ids, times and durations.
    pub(super) fn of_types(&self) -> Result<Vec<(String, Node)>> {
        let mut found = Vec::new();
        for named in named_types::all() {
            match named {
                Named::Struct(shape) => found.push((shape.name.to_owned(), self.object(shape)?)),
                Named::OneOf(shape) => found.push((shape.name.to_owned(), self.one_of(shape))),
                Named::Tagged(shape) => {
                    found.push((shape.name.to_owned(), self.tagged(shape)));
                    for variant in shape.kinds {
                        let name = variant_name(shape, variant.name);
                        let definition = self.with_kind(&name, variant.description, variant.name, variant.fields)?;
                        found.push((name, definition));
                    }
                }
            }
        }
        found.extend(text_types());
        Ok(found)
    }

    /// Returns the schema of any event.
    pub(super) fn event(&self) -> Node {
        let alternatives = EventKind::ALL.iter().map(|kind| self.reference(&kind_name(*kind)));
        let known = EventKind::ALL.iter().map(|kind| kind.as_str());
        let unknown = "Event of a kind that this version does not know: it comes from a newer publisher.";
        Node::object([("oneOf", self.alternatives(alternatives, known, "UnknownEvent", unknown))])
    }

    fn kind(&self, kind: EventKind) -> Result<Node> {
        let description = format!("{} Subject: `{}`.", kind.description(), kind.subject());
        let definition = self.with_kind(&kind_name(kind), &description, kind.as_str(), kind.fields())?;
        let example = Node::from_json(&self.examples.of(kind)?.to_json()?)?;
        Ok(definition.with("examples", Node::array([example])))
    }

    fn object(&self, shape: &Struct) -> Result<Node> {
        self.fields(shape.name, shape.description, None, shape.fields)
    }

    fn with_kind(&self, title: &str, description: &str, kind: &str, fields: &[Field]) -> Result<Node> {
        self.fields(title, description, Some(kind), fields)
    }

    fn fields(&self, title: &str, description: &str, kind: Option<&str>, fields: &[Field]) -> Result<Node> {
        let kind = kind.map(|kind| ("kind".to_owned(), object! {"const": kind}));
        let mut properties: Vec<_> = kind.into_iter().collect();
        let mut required: Vec<_> = properties.iter().map(|(key, _)| key.clone()).collect();
        for field in fields {
            properties.push((field.name.to_owned(), self.field(field)?));
            if field.presence == Presence::Required {
                required.push(field.name.to_owned());
            }
        }
        Ok(object! {
            "title": title,
            "description": description,
            "type": "object",
            "properties": Node::Object(properties),
            "required": required,
        })
    }

    fn field(&self, field: &Field) -> Result<Node> {
        let mut schema = self.value(&field.shape)?;
        let mut description = match field.unit {
            Some(unit) => format!("{} Unit: {unit}.", field.description),
            None => field.description.to_owned(),
        };
        match field.presence {
            Presence::Required => {}
            Presence::Default(json) => {
                schema = schema.with("default", serde_json::from_str::<Value>(json)?);
            }
            Presence::OmittedWhenNone => {
                description.push_str(" Omitted if unset.");
                schema = or_null(schema);
            }
            Presence::NullWhenNone => {
                description.push_str(" `null` if unset.");
                schema = or_null(schema);
            }
            Presence::OmittedWhenEmpty => description.push_str(" Omitted if empty."),
            other => bail!("unknown presence {other:?}: describe it in xtask/src/schema/types.rs"),
        }
        let mut schema = object! {"description": description}.followed_by(schema);
        if let Some(example) = field.example {
            schema = schema.with("examples", Node::array([serde_json::from_str::<Value>(example)?]));
        }
        Ok(schema)
    }

    fn value(&self, shape: &Shape) -> Result<Node> {
        Ok(match shape {
            Shape::Text => object! {"type": "string"},
            Shape::Bool => object! {"type": "boolean"},
            Shape::I32 => integer(i32::MIN, i32::MAX),
            Shape::U32 => integer(u32::MIN, u32::MAX),
            Shape::U64 => integer(u64::MIN, u64::MAX),
            Shape::F64 => object! {"type": "number"},
            Shape::Id => self.reference("Id"),
            Shape::Time => self.reference("Time"),
            Shape::Duration => self.reference("Duration"),
            Shape::Json => object! {},
            Shape::Map => object! {"type": "object"},
            Shape::Array(items) => object! {"type": "array", "items": self.value(items)?},
            Shape::Struct(Struct { name, .. })
            | Shape::Tagged(Tagged { name, .. })
            | Shape::OneOf(OneOf { name, .. }) => self.reference(name),
            other => bail!("unknown shape {other:?}: describe it in xtask/src/schema/types.rs"),
        })
    }

    fn tagged(&self, shape: &Tagged) -> Node {
        let variants = shape
            .kinds
            .iter()
            .map(|variant| self.reference(&variant_name(shape, variant.name)));
        let known = shape.kinds.iter().map(|variant| variant.name);
        let title = format!("{}Unknown", shape.name);
        let unknown = "Kind that this version does not know: it comes from a newer publisher.";
        object! {
            "title": shape.name,
            "description": shape.description,
            "oneOf": self.alternatives(variants, known, &title, unknown),
        }
    }

    /// Returns the known alternatives; for readers with an object of any other kind.
    fn alternatives<'k>(
        &self,
        known: impl Iterator<Item = Node>,
        names: impl Iterator<Item = &'k str>,
        title: &str,
        description: &str,
    ) -> Node {
        let mut alternatives: Vec<_> = known.collect();
        if self.strictness == Strictness::Reader {
            alternatives.push(object! {
                "title": title,
                "description": description,
                "type": "object",
                "properties": object! {
                    "kind": object! {"type": "string", "not": object! {"enum": Node::array(names)}},
                },
                "required": Node::array(["kind"]),
            });
        }
        Node::Array(alternatives)
    }

    fn one_of(&self, shape: &OneOf) -> Node {
        let meanings: String = shape
            .values
            .iter()
            .map(|value| format!("\n- `{}`: {}", value.name, value.description))
            .collect();
        let schema = object! {
            "title": shape.name,
            "description": format!("{}\n{meanings}", shape.description),
            "type": "string",
        };
        let values = Node::array(shape.values.iter().map(|value| value.name));
        match self.strictness {
            Strictness::Strict => schema.with("enum", values),
            // Any string is valid; the first alternative names those of this version.
            Strictness::Reader => schema.with("anyOf", Node::array([object! {"enum": values}, object! {}])),
        }
    }

    pub(super) fn reference(&self, name: &str) -> Node {
        object! {"$ref": format!("{}/{name}", self.path)}
    }
}

/// Returns the name of a kind's definition. It differs from the names of types: `Decision` is both.
pub(super) fn kind_name(kind: EventKind) -> String {
    format!("{}Event", camel_case(kind.as_str()))
}

fn variant_name(shape: &Tagged, kind: &str) -> String {
    format!("{}{}", shape.name, camel_case(kind))
}

fn camel_case(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

fn integer(minimum: impl Into<Node>, maximum: impl Into<Node>) -> Node {
    object! {"type": "integer", "minimum": minimum, "maximum": maximum}
}

fn or_null(schema: Node) -> Node {
    object! {"anyOf": Node::array([schema, object! {"type": "null"}])}
}

/// Returns the definitions of ids, times and durations. `format` is an annotation: it refuses some texts that the decoder
/// accepts, and `pattern` alone decides.
///
/// In Python `$` also matches before a final line feed: `not` refuses that where the decoder does.
fn text_types() -> [(String, Node); 3] {
    let text = |title: &str, description: &str, pattern: String, not: &str, example: &str| {
        object! {
            "title": title,
            "description": description,
            "type": "string",
            "pattern": pattern,
            "not": object! {"pattern": not},
            "examples": Node::array([example]),
        }
    };
    let id = text(
        "Id",
        "UUID. Written in lower case with hyphens; every form of RFC 9562 is read.",
        text_forms::id(),
        "\n$",
        "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01",
    );
    let time = text(
        "Time",
        "Time of RFC 3339. Written in UTC with `Z` and 0, 3, 6 or 9 digits after the second; any offset is read.",
        text_forms::time(),
        "\n$",
        "2026-06-01T08:00:03.120Z",
    );
    let duration = text(
        "Duration",
        "Duration: numbers with units, separated by spaces. Written with the units `years`, `months`, `days` (`year`, `month`, \
         `day` after 1), `h`, `m`, `s`, `ms`, `us` and `ns`; zero is `0s`. A month is 30.44 days, a year is 365.25 days.",
        text_forms::duration(),
        "^0\n$",
        "1m 36s 410ms",
    );
    [
        ("Id".to_owned(), id.with("format", "uuid")),
        ("Time".to_owned(), time.with("format", "date-time")),
        ("Duration".to_owned(), duration),
    ]
}

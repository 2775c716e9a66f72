//! Events with their bytes: two of each kind, and one with each inner kind and value.
//!
//! The first event of a kind has every field, with the examples of the contract. The `extreme` one has no optional field, and
//! values at the limits of their types. An event that is in the list stays the same when an example changes: it is decoded and
//! encoded again.

use anyhow::{Context, Result, bail};
use driver_events_types::contract::{Field, Presence, Shape};
use driver_events_types::{DriverEvent, EventKind};
use serde_json::{Map, Value, json};

use super::Line;
use crate::named_types::{self, Named};

/// Returns the lines. `listed` are those of the committed list.
pub(super) fn lines(listed: &[Line]) -> Result<Vec<Line>> {
    let line = |(key, event): (String, Value)| -> Result<Line> {
        let value = match listed.iter().find(|line| line.key == key) {
            Some(line) => encoded_again(&line.value),
            None => {
                let event = DriverEvent::from_json(event.to_string().as_bytes());
                let event = event.with_context(|| format!("the example event `{key}` is invalid"))?;
                String::from_utf8(event.to_json()?)?
            }
        };
        Ok(Line::new(key, value))
    };
    examples()?.into_iter().map(line).collect()
}

/// Decodes and encodes an event. An error is a text that differs from every event.
fn encoded_again(json: &str) -> String {
    let event = match DriverEvent::from_json(json.as_bytes()) {
        Ok(event) => event,
        Err(error) => return format!("not decoded: {error}"),
    };
    match event.to_json() {
        Ok(json) => String::from_utf8_lossy(&json).into_owned(),
        Err(error) => format!("not encoded: {error}"),
    }
}

fn examples() -> Result<Vec<(String, Value)>> {
    let mut examples = Vec::new();
    for &kind in EventKind::ALL {
        examples.push((kind.as_str().to_owned(), Example::default().event(kind)?));
        let mut extreme = Example {
            is_extreme: true,
            ..Example::default()
        };
        examples.push((format!("{kind}:extreme"), extreme.event(kind)?));
    }
    for named in named_types::all() {
        let names: Vec<_> = match named {
            Named::Struct(_) => continue,
            Named::Tagged(shape) => shape.kinds.iter().map(|variant| variant.name).collect(),
            Named::OneOf(shape) => shape.values.iter().map(|value| value.name).collect(),
        };
        for name in names {
            examples.push((format!("{}.{name}", named.name()), event_with(named.name(), name)?));
        }
    }
    Ok(examples)
}

/// Returns an event of the first kind that uses the type, with this inner kind or value.
fn event_with(type_name: &'static str, name: &'static str) -> Result<Value> {
    for &kind in EventKind::ALL {
        let mut example = Example {
            chosen: Some((type_name, name)),
            ..Example::default()
        };
        let event = example.event(kind)?;
        if example.is_used {
            return Ok(event);
        }
    }
    bail!("no example event has a `{type_name}`")
}

/// Builds the JSON of an event from the tables of the contract.
#[derive(Default)]
struct Example {
    is_extreme: bool,
    /// A type, and the inner kind or value that it has. Other types have their first one.
    chosen: Option<(&'static str, &'static str)>,
    /// Whether the chosen type occurred.
    is_used: bool,
}

impl Example {
    fn event(&mut self, kind: EventKind) -> Result<Value> {
        self.object(Some(kind.as_str()), kind.fields())
    }

    fn object(&mut self, kind: Option<&str>, fields: &[Field]) -> Result<Value> {
        let mut object: Map<String, Value> = kind.into_iter().map(|kind| ("kind".to_owned(), kind.into())).collect();
        for field in fields {
            if !self.is_extreme || field.presence == Presence::Required {
                object.insert(field.name.to_owned(), self.value(&field.shape, field.example)?);
            }
        }
        Ok(object.into())
    }

    fn value(&mut self, shape: &Shape, example: Option<&str>) -> Result<Value> {
        match shape {
            Shape::Array(_) if self.is_extreme => Ok(json!([])),
            Shape::Array(items) => Ok(Value::Array(vec![self.value(items, None)?])),
            Shape::Struct(shape) => self.object(None, shape.fields),
            Shape::Tagged(shape) => {
                let name = self.choose(shape.name);
                let mut kinds = shape.kinds.iter();
                let variant = kinds.find(|variant| name.is_none_or(|name| variant.name == name));
                let variant = variant.with_context(|| format!("{} has no kind", shape.name))?;
                self.object(Some(variant.name), variant.fields)
            }
            Shape::OneOf(shape) => {
                let first = shape.values.first().map(|value| value.name);
                let name = self.choose(shape.name).or(first);
                Ok(name.with_context(|| format!("{} has no value", shape.name))?.into())
            }
            _ if self.is_extreme => extreme(shape),
            _ => Ok(serde_json::from_str(
                example.with_context(|| format!("{shape:?} has no example"))?,
            )?),
        }
    }

    /// Returns the inner kind or value that was chosen for this type.
    fn choose(&mut self, type_name: &str) -> Option<&'static str> {
        let (_, name) = self.chosen.filter(|(chosen, _)| *chosen == type_name)?;
        self.is_used = true;
        Some(name)
    }
}

/// Returns a value at a limit of its type, or with every sort of escape.
fn extreme(shape: &Shape) -> Result<Value> {
    let text = "\u{0}\t\n\u{1f}\"\\/\u{7f}\u{e9}\u{2028}\u{1f600}";
    Ok(match shape {
        Shape::Text => text.into(),
        Shape::Bool => true.into(),
        Shape::I32 => i32::MIN.into(),
        Shape::U32 => u32::MAX.into(),
        Shape::U64 => u64::MAX.into(),
        Shape::F64 => f64::MAX.into(),
        Shape::Id => "ffffffff-ffff-ffff-ffff-ffffffffffff".into(),
        Shape::Time => "9999-12-31T23:59:59.999999999Z".into(),
        Shape::Duration => "18446744073709551615s 999ms 999us 999ns".into(),
        Shape::Json | Shape::Map => json!({"b": [text, 0.1, 1e16, -5e-324, null], "a": {text: u64::MAX}}),
        other => bail!("unknown shape {other:?}: add a value to xtask/src/contract/golden.rs"),
    })
}

//! Tables of fields, in Markdown.

use anyhow::{Result, bail};
use driver_events_types::contract::{Field, OneOf, Presence, Shape, Tagged};

use super::section;
use crate::named_types::Named;

/// Returns a table with a row for each field, in wire order.
pub(super) fn of_fields(fields: &[Field]) -> Result<String> {
    let mut table = String::from("| field | meaning | value | presence | example |\n|---|---|---|---|---|\n");
    for field in fields {
        table.push_str(&format!("| {} |\n", cells(field)?));
    }
    Ok(table)
}

/// Returns a list of the kinds, with a table of the fields of each kind that has some.
pub(super) fn of_kinds(shape: &Tagged) -> Result<String> {
    let mut text = String::new();
    for variant in shape.kinds {
        text.push_str(&format!("- `{}`: {}\n", variant.name, variant.description));
    }
    text.push_str("\n| `\"kind\"` | field | meaning | value | presence | example |\n|---|---|---|---|---|---|\n");
    for variant in shape.kinds {
        for (index, field) in variant.fields.iter().enumerate() {
            let kind = if index == 0 {
                format!("`{}`", variant.name)
            } else {
                String::new()
            };
            text.push_str(&format!("| {kind} | {} |\n", cells(field)?));
        }
    }
    Ok(text)
}

/// Returns a table with a row for each value.
pub(super) fn of_values(shape: &OneOf) -> String {
    let rows = shape
        .values
        .iter()
        .map(|value| format!("| `{}` | {} |\n", value.name, value.description));
    format!("| value | meaning |\n|---|---|\n{}", rows.collect::<String>())
}

fn cells(field: &Field) -> Result<String> {
    let unit = field.unit.map(|unit| format!(", in {unit}")).unwrap_or_default();
    let example = field.example.map(|json| format!("`{json}`")).unwrap_or_default();
    Ok(format!(
        "`{}` | {} | {}{unit} | {} | {example}",
        field.name,
        field.description,
        value(&field.shape)?,
        presence(field.presence)?
    ))
}

fn value(shape: &Shape) -> Result<String> {
    Ok(match shape {
        Shape::Text => "text".to_owned(),
        Shape::Bool => "`true` or `false`".to_owned(),
        Shape::I32 => "i32".to_owned(),
        Shape::U32 => "u32".to_owned(),
        Shape::U64 => "u64".to_owned(),
        Shape::F64 => "f64".to_owned(),
        Shape::Id => "id".to_owned(),
        Shape::Time => "time".to_owned(),
        Shape::Duration => "duration".to_owned(),
        Shape::Json => "any JSON".to_owned(),
        Shape::Map => "map".to_owned(),
        Shape::Array(shape) => format!("array of {}", value(shape)?),
        Shape::Struct(shape) => section::link(Named::Struct(shape)),
        Shape::Tagged(shape) => section::link(Named::Tagged(shape)),
        Shape::OneOf(shape) => section::link(Named::OneOf(shape)),
        _ => bail!("unknown shape {shape:?}: describe it in xtask/src/catalogue/table.rs"),
    })
}

fn presence(presence: Presence) -> Result<String> {
    Ok(match presence {
        Presence::Required => "always".to_owned(),
        Presence::Default(json) => format!("always written; read as `{json}` if missing"),
        Presence::OmittedWhenNone => "omitted if unset".to_owned(),
        Presence::OmittedWhenEmpty => "omitted if empty".to_owned(),
        Presence::NullWhenNone => "`null` if unset".to_owned(),
        _ => bail!("unknown presence {presence:?}: describe it in xtask/src/catalogue/table.rs"),
    })
}

//! Tables of fields, in Markdown.

use anyhow::{Result, bail};
use driver_events_types::contract::{Field, Presence, Shape, Tagged};

use super::types::Named;

/// Returns a table with a row for each field, in wire order.
pub(super) fn of_fields(fields: &[Field]) -> Result<String> {
    let mut table = String::from("| field | value | presence |\n|---|---|---|\n");
    for field in fields {
        table.push_str(&format!("| {} |\n", cells(field)?));
    }
    Ok(table)
}

/// Returns a table with a row for each field of each kind, in wire order.
pub(super) fn of_kinds(shape: &Tagged) -> Result<String> {
    let mut table = String::from("| `\"kind\"` | field | value | presence |\n|---|---|---|---|\n");
    for (kind, fields) in shape.kinds {
        if fields.is_empty() {
            table.push_str(&format!("| `{kind}` | | | |\n"));
        }
        for (index, field) in fields.iter().enumerate() {
            let kind = if index == 0 { format!("`{kind}`") } else { String::new() };
            table.push_str(&format!("| {kind} | {} |\n", cells(field)?));
        }
    }
    Ok(table)
}

fn cells(field: &Field) -> Result<String> {
    Ok(format!(
        "`{}` | {} | {}",
        field.name,
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
        Shape::Struct(shape) => Named::Struct(shape).link(),
        Shape::Tagged(shape) => Named::Tagged(shape).link(),
        Shape::OneOf(shape) => Named::OneOf(shape).link(),
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

//! Kinds, types, fields and values as lines: `Goal.budget<TAB>BudgetGuards, required`.

use anyhow::{Result, bail};
use driver_events_types::EventKind;
use driver_events_types::contract::{Field, OneOf, Presence, Shape, Struct, Tagged};

use super::Line;
use crate::named_types::{self, Named};

/// Promise of a field that may be absent from an event and is not written without a value: such a field may be added.
pub(super) const OMITTED: [&str; 2] = [", omitted if unset", ", omitted if empty"];
pub(super) const REQUIRED: &str = ", required";

/// Returns the lines of the tables in [`driver_events_types::contract`].
pub(super) fn lines() -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for kind in EventKind::ALL {
        lines.push(Line::new(kind.as_str(), format!("kind since {}", kind.since())));
        add_fields(kind.as_str(), kind.fields(), &mut lines)?;
    }
    for named in named_types::all() {
        let name = named.name();
        match named {
            Named::Struct(shape) => {
                lines.push(Line::new(name, "object"));
                add_fields(name, shape.fields, &mut lines)?;
            }
            Named::Tagged(shape) => {
                lines.push(Line::new(name, "object with a kind"));
                for variant in shape.kinds {
                    let name = format!("{name}.{}", variant.name);
                    lines.push(Line::new(name.as_str(), "inner kind"));
                    add_fields(&name, variant.fields, &mut lines)?;
                }
            }
            Named::OneOf(shape) => {
                lines.push(Line::new(name, "text from a list"));
                let values = shape.values.iter().map(|value| format!("{name}.{}", value.name));
                lines.extend(values.map(|name| Line::new(name, "value")));
            }
        }
    }
    Ok(lines)
}

fn add_fields(object: &str, fields: &[Field], lines: &mut Vec<Line>) -> Result<()> {
    for field in fields {
        let (form, presence) = (form(&field.shape)?, presence(field.presence)?);
        lines.push(Line::new(
            format!("{object}.{}", field.name),
            format!("{form}{presence}"),
        ));
    }
    Ok(())
}

fn form(shape: &Shape) -> Result<String> {
    Ok(match shape {
        Shape::Text => "text".to_owned(),
        Shape::Bool => "bool".to_owned(),
        Shape::I32 => "i32".to_owned(),
        Shape::U32 => "u32".to_owned(),
        Shape::U64 => "u64".to_owned(),
        Shape::F64 => "f64".to_owned(),
        Shape::Id => "id".to_owned(),
        Shape::Time => "time".to_owned(),
        Shape::Duration => "duration".to_owned(),
        Shape::Json => "any JSON".to_owned(),
        Shape::Map => "map".to_owned(),
        Shape::Array(items) => format!("array of {}", form(items)?),
        Shape::Struct(Struct { name, .. }) | Shape::Tagged(Tagged { name, .. }) | Shape::OneOf(OneOf { name, .. }) => {
            (*name).to_owned()
        }
        other => bail!("unknown shape {other:?}: name it in xtask/src/contract/fields.rs"),
    })
}

fn presence(presence: Presence) -> Result<String> {
    Ok(match presence {
        Presence::Required => REQUIRED.to_owned(),
        Presence::Default(json) => format!(", {json} if missing"),
        Presence::OmittedWhenNone => ", omitted if unset".to_owned(),
        Presence::OmittedWhenEmpty => ", omitted if empty".to_owned(),
        Presence::NullWhenNone => ", null if unset".to_owned(),
        other => bail!("unknown presence {other:?}: name it in xtask/src/contract/fields.rs"),
    })
}

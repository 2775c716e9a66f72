//! The whole page.

use std::path::Path;

use anyhow::Result;
use driver_events_types::EventKind;

use super::{section, table};
use crate::examples::Examples;
use crate::named_types::{self, Named};

/// Text above the kinds, for all of them.
const INTRODUCTION: &str = include_str!("introduction.md");

/// Returns the text of the catalogue.
pub(super) fn page(root: &Path) -> Result<String> {
    let examples = Examples::read(root)?;
    let mut page = String::from(INTRODUCTION);
    page.push_str(&overview());
    for &kind in EventKind::ALL {
        page.push_str(&kind_section(kind, &examples)?);
    }
    page.push_str("\n## Objects and values\n\nIn the order of their first use above.\n");
    for named in named_types::all() {
        page.push_str(&type_section(named)?);
    }
    Ok(page)
}

fn overview() -> String {
    let mut overview = String::from("\n## The kinds\n\n| kind | subject | what happened |\n|---|---|---|\n");
    for &kind in EventKind::ALL {
        let (subject, description) = (kind.subject(), kind.description());
        overview.push_str(&format!("| [`{kind}`](#{kind}) | `{subject}` | {description} |\n"));
    }
    overview
}

fn kind_section(kind: EventKind, examples: &Examples) -> Result<String> {
    let (subject, description) = (kind.subject(), kind.description());
    let table = table::of_fields(kind.fields())?;
    let example = serde_json::to_string_pretty(examples.of(kind)?)?;
    Ok(format!(
        "\n### `{kind}`\n\nSubject: `{subject}`\n\n{description}\n\n{table}\n```json\n{example}\n```\n"
    ))
}

fn type_section(named: Named) -> Result<String> {
    let body = match named {
        Named::Struct(shape) => table::of_fields(shape.fields)?,
        Named::Tagged(shape) => table::of_kinds(shape)?,
        Named::OneOf(shape) => table::of_values(shape),
    };
    let (heading, description) = (section::heading(named), named.description());
    Ok(format!("\n### {heading}\n\n{description}\n\n{body}"))
}

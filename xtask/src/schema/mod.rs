//! `cargo xtask schema`: the contract as JSON Schema and AsyncAPI, generated from its tables.

mod asyncapi;
mod bundle;
mod files;
mod headers;
mod index;
mod node;
mod text_forms;
mod types;

use std::path::Path;

use anyhow::Result;
use driver_events_types::EventKind;

use self::node::Node;
use self::types::Strictness::{Reader, Strict};
use crate::examples::Examples;
use crate::generated::Generated;
use crate::workspace::TYPES_CRATE;

/// Writes the schemas, and removes those of kinds that do not exist.
///
/// # Errors
/// Returns an error if a kind lacks its example, or if a file cannot be written.
pub fn write(root: &Path) -> Result<()> {
    generated(root)?.write(root)
}

/// Fails if a schema is out of date.
///
/// # Errors
/// Returns an error with the file and the first line that differs, or an error if a file cannot be read or generated.
pub fn check(root: &Path) -> Result<()> {
    generated(root)?.check(root)
}

fn generated(root: &Path) -> Result<Generated> {
    let examples = Examples::read(root)?;
    let version = env!("CARGO_PKG_VERSION");
    let folder = format!("{TYPES_CRATE}/{}", files::FOLDER);
    let mut generated = Generated::new("cargo xtask schema");
    let mut add = |path: String, schema: &Node| -> Result<()> {
        generated.add(path, serde_json::to_string_pretty(schema)? + "\n");
        Ok(())
    };
    for (name, strictness) in [(files::EVENT, Reader), (files::STRICT_EVENT, Strict)] {
        let schema = bundle::of_event(strictness, &examples)?;
        add(format!("{folder}/{name}"), &schema)?;
        for package in files::PACKAGES {
            add(format!("{package}/{name}"), &schema)?;
        }
    }
    for &kind in EventKind::ALL {
        for strictness in [Reader, Strict] {
            let schema = bundle::of_kind(kind, strictness, &examples)?;
            add(format!("{folder}/{}", files::of_kind(kind, strictness)), &schema)?;
        }
    }
    add(
        format!("{folder}/{}", files::ASYNCAPI),
        &asyncapi::document(version, &examples)?,
    )?;
    add(format!("{folder}/{}", files::INDEX), &index::document(version))?;
    Ok(generated)
}

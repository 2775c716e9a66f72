//! `cargo xtask catalogue`: the event catalogue, generated from the tables of the contract.

mod page;
mod section;
mod table;

use std::path::Path;

use anyhow::Result;

use crate::generated::Generated;

/// Path of the catalogue from the workspace's root.
const CATALOGUE: &str = "docs/events.md";

/// Writes the catalogue.
///
/// # Errors
/// Returns an error if a kind lacks its example, or if the file cannot be written.
pub fn write(root: &Path) -> Result<()> {
    generated(root)?.write(root)
}

/// Fails if the catalogue is out of date.
///
/// # Errors
/// Returns an error with the first line that differs, or an error if the catalogue cannot be read or generated.
pub fn check(root: &Path) -> Result<()> {
    generated(root)?.check(root)
}

fn generated(root: &Path) -> Result<Generated> {
    let mut generated = Generated::new("cargo xtask catalogue");
    generated.add(CATALOGUE, page::page(root)?);
    Ok(generated)
}

//! `cargo xtask deps`: what cargo-deny cannot check of the architecture.
//!
//! deny.toml has the layers: the crates that may depend on each crate of the workspace and on each client library.

mod manifest;
mod members;
mod trees;

use std::path::Path;

use anyhow::{Result, bail};
use cargo_metadata::MetadataCommand;

use crate::output::progress;
use crate::workspace;

/// Checks the members of the workspace, the dependencies of the types crate and of the tool with one transport, and the
/// manifest of the types crate.
///
/// # Errors
/// Returns all findings, one a line, or cargo's error.
pub fn check(root: &Path) -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
    let mut findings = members::check(&metadata.packages, &workspace::toml(&root.join("deny.toml"))?);
    findings.extend(trees::check(root)?);
    findings.extend(manifest::check_files(root)?);
    if !findings.is_empty() {
        bail!("forbidden dependencies:\n  {}", findings.join("\n  "));
    }
    let count = metadata.packages.len();
    progress(format_args!("{count} crates: every dependency is allowed"));
    Ok(())
}

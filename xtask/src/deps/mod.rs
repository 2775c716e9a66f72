//! `cargo xtask deps`: dependencies follow the architecture, and the types crate has few of them.

mod clients;
mod crate_count;
mod layers;
mod manifest;

use std::path::Path;

use anyhow::{Result, bail};
use cargo_metadata::MetadataCommand;

/// Checks the dependencies between the crates of the workspace, the client libraries that each depends on, the number of
/// crates that the types crate depends on, and its manifest.
///
/// # Errors
/// Returns all findings, one a line, or cargo's error.
pub fn check(root: &Path) -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()?;
    let crates: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();

    let mut findings = layers::check(&crates, &layers::of(&metadata));
    findings.extend(clients::check(root, &crates)?);
    findings.extend(crate_count::check(root)?);
    findings.extend(manifest::check_files(root)?);
    if !findings.is_empty() {
        bail!("forbidden dependencies:\n  {}", findings.join("\n  "));
    }
    eprintln!("{} crates: every dependency is allowed", crates.len());
    Ok(())
}

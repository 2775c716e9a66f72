//! `cargo xtask deps`: dependencies point where the architecture says, and the types crate's stay few.

mod arrows;
mod budget;
mod manifest;
mod reach;

use std::path::Path;

use anyhow::{Result, bail};
use cargo_metadata::MetadataCommand;

/// Checks the arrows between the crates of the workspace, what each reaches outside of it, the number of crates that
/// the types crate pulls in, and that its manifest says on its own what the workspace's says.
///
/// # Errors
/// All that is wrong, one a line; and cargo's own errors.
pub fn check(root: &Path) -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()?;
    let crates: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();

    let mut findings = arrows::check(&crates, &arrows::of(&metadata));
    findings.extend(reach::check(root, &crates)?);
    findings.extend(budget::check(root)?);
    findings.extend(manifest::check_files(root)?);
    if !findings.is_empty() {
        bail!("the dependencies are not as they must be:\n  {}", findings.join("\n  "));
    }
    eprintln!("{} crates: every dependency points where it may", crates.len());
    Ok(())
}

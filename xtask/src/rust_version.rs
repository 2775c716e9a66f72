//! `cargo xtask rust-version`: the workspace builds with the oldest supported Rust.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{command, workspace};

/// Runs `cargo check` on every target with the `rust-version` of the manifest. rustup installs it if necessary.
///
/// # Errors
/// Returns an error if the workspace does not build, if rustup is missing, or if the root manifest has no `rust-version`.
pub fn check(root: &Path) -> Result<()> {
    let version = read(root)?;
    let toolchain = ["run", "--install", &version];
    let check = ["cargo", "check", "--workspace", "--all-targets", "--all-features"];
    command::run(Command::new("rustup").current_dir(root).args(toolchain).args(check))
        .with_context(|| format!("cannot build the workspace with Rust {version}, its rust-version"))
}

fn read(root: &Path) -> Result<String> {
    let manifest = workspace::manifest(root)?;
    let version = ["workspace", "package"]
        .iter()
        .try_fold(&manifest, |table, key| table.get(*key)?.as_table())
        .and_then(|package| package.get("rust-version")?.as_str());
    Ok(version.context("the root manifest has no `rust-version`")?.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::workspace;

    #[test]
    fn version_is_the_one_that_xtask_inherits() {
        assert_eq!(super::read(&workspace::root()).unwrap(), env!("CARGO_PKG_RUST_VERSION"));
    }
}

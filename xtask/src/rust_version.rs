//! `cargo xtask rust-version`: the workspace builds with the oldest supported Rust. A release checks its packages, too.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{command, workspace};

/// Runs `cargo check` on every target with the `rust-version` of the manifest. rustup installs it if necessary.
///
/// # Errors
/// Returns an error if the workspace does not build, if rustup is missing, or if the root manifest has no `rust-version`.
pub fn check(root: &Path) -> Result<()> {
    run(root, root, &["--all-targets"], &workspace::target(root))
}

/// Runs `cargo check` on the packages that are unpacked in `folder`. Their tests and examples are not of their users' concern.
///
/// # Errors
/// Returns the errors of [`check()`].
pub fn check_packages(root: &Path, folder: &Path, target: &Path) -> Result<()> {
    run(root, folder, &[], target)
}

fn run(root: &Path, folder: &Path, options: &[&str], target: &Path) -> Result<()> {
    let version = read(root)?;
    let mut check = Command::new("rustup");
    check
        .current_dir(folder)
        .args(["run", "--install", &version, "cargo", "check"]);
    check.args(["--workspace", "--all-features"]).args(options);
    check.env("CARGO_TARGET_DIR", target);
    command::run(&mut check).with_context(|| format!("cannot build with Rust {version}, the rust-version"))
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

//! `cargo xtask rust-version`: the workspace builds with the oldest Rust that it promises to build with.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{command, workspace};

/// Checks every target of the workspace with the stated rust-version, which rustup installs when it is not there.
///
/// # Errors
/// When it does not build, when rustup is missing, and when the root manifest states no version.
pub fn check(root: &Path) -> Result<()> {
    let version = stated(root)?;
    let toolchain = ["run", "--install", &version];
    let check = ["cargo", "check", "--workspace", "--all-targets", "--all-features"];
    command::run(Command::new("rustup").current_dir(root).args(toolchain).args(check))
        .with_context(|| format!("rustup checks the workspace with Rust {version}, the stated rust-version"))
}

fn stated(root: &Path) -> Result<String> {
    let manifest = workspace::manifest(root)?;
    let version = ["workspace", "package"]
        .iter()
        .try_fold(&manifest, |table, key| table.get(*key)?.as_table())
        .and_then(|package| package.get("rust-version")?.as_str());
    Ok(version
        .context("the workspace's manifest states no rust-version")?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use crate::workspace;

    #[test]
    fn the_version_is_the_one_that_xtask_inherits() {
        assert_eq!(
            super::stated(&workspace::root()).unwrap(),
            env!("CARGO_PKG_RUST_VERSION")
        );
    }
}

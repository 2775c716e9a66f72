//! Builds of the packages, in the workspace into which they are unpacked.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::packages::target;
use crate::cargo_tool::CargoTool;
use crate::command::{cargo, run};
use crate::{nightly, rust_version, workspace};

const CARGO_HACK: CargoTool = CargoTool {
    name: "cargo-hack",
    version: "0.6.46",
};
const ALL: [&str; 2] = ["--workspace", "--all-features"];

/// Checks each crate with all features. Shares dependencies with clippy in the workspace.
///
/// # Errors
/// Returns the compiler's failure.
pub(super) fn all_features(root: &Path, folder: &Path) -> Result<()> {
    run(cargo(folder)
        .arg("check")
        .args(ALL)
        .env("CARGO_TARGET_DIR", workspace::target(root)))
}

/// Checks each crate without features, with each feature alone and with all.
///
/// # Errors
/// Returns an error that names the failures, or an error if cargo-hack cannot be installed.
pub(super) fn features(root: &Path, folder: &Path) -> Result<()> {
    let mut hack = Command::new(CARGO_HACK.program(root)?);
    hack.current_dir(folder)
        .args(["hack", "check", "--workspace", "--each-feature", "--keep-going"]);
    run(hack.env("CARGO_TARGET_DIR", target(root)))
}

/// Checks each crate with the oldest supported Rust.
///
/// # Errors
/// Returns an error if a crate does not build, or if rustup is missing.
pub(super) fn oldest_rust(root: &Path, folder: &Path) -> Result<()> {
    rust_version::check_packages(root, folder, &target(root))
}

/// Builds the documentation as docs.rs does. Without a nightly toolchain, a line about that is added to `not_checked`.
///
/// # Errors
/// Returns rustdoc's failure.
pub(super) fn documentation(root: &Path, folder: &Path, not_checked: &mut Vec<String>) -> Result<()> {
    if !nightly::is_installed(root, "documentation with `--cfg docsrs`", not_checked) {
        return Ok(());
    }
    let mut doc = nightly::command(folder, "cargo");
    doc.args(["doc", "--no-deps"]).args(ALL);
    doc.env("RUSTDOCFLAGS", "--cfg docsrs -D warnings");
    run(doc.env("CARGO_TARGET_DIR", target(root)))
}

/// Checks each crate with the oldest dependencies that its manifest allows. Without a nightly toolchain, which selects them, a
/// line about that is added to `not_checked`.
///
/// # Errors
/// Returns an error if no such versions exist, or if a crate does not build with them.
pub(super) fn minimal_versions(root: &Path, folder: &Path, not_checked: &mut Vec<String>) -> Result<()> {
    if !nightly::is_installed(root, "oldest dependencies that the manifests allow", not_checked) {
        return Ok(());
    }
    let advice = "a lower bound is too low: raise it in the manifest";
    run(nightly::command(folder, "cargo").args(["update", "-Z", "direct-minimal-versions"])).context(advice)?;
    let mut check = cargo(folder);
    check.args(["check", "--locked", "--keep-going"]).args(ALL);
    run(check.env("CARGO_TARGET_DIR", target(root))).context(advice)
}

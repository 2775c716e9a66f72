//! The workspace's root and its manifests.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};

/// Folder of the types crate, relative to the workspace's root.
pub const TYPES_CRATE: &str = "crates/driver-events-types";

/// Returns the root of the workspace in which `cargo xtask` runs.
///
/// Cargo sets the manifest's folder for programs that it runs. Without cargo, this is the workspace in which the program
/// was built.
#[must_use]
pub fn root() -> PathBuf {
    let xtask = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    xtask.parent().map_or_else(|| xtask.clone(), Path::to_path_buf)
}

/// Returns the target folder of the workspace in `root`.
#[must_use]
pub fn target(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target))
}

/// Parses the manifest in `folder`.
///
/// # Errors
/// Returns an error if it cannot be read, or if it is not TOML.
pub fn manifest(folder: &Path) -> Result<toml::Table> {
    toml(&folder.join("Cargo.toml"))
}

/// Parses a TOML file.
///
/// # Errors
/// Returns an error if it cannot be read, or if it is not TOML.
pub fn toml(path: &Path) -> Result<toml::Table> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    text.parse()
        .with_context(|| format!("cannot parse `{}`", path.display()))
}

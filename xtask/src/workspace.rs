//! Where the workspace lies, and its manifests.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};

/// The folder of the types crate, from the workspace's root.
pub const TYPES_CRATE: &str = "crates/driver-events-types";

/// The root of the workspace that `cargo xtask` was called in.
///
/// Cargo tells a running program where its manifest is. A program that is started by hand falls back on where it was
/// built.
#[must_use]
pub fn root() -> PathBuf {
    let xtask = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    xtask.parent().map_or_else(|| xtask.clone(), Path::to_path_buf)
}

/// The manifest in `folder`, as it is written.
///
/// # Errors
/// When it cannot be read, and when it is not TOML.
pub fn manifest(folder: &Path) -> Result<toml::Table> {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    text.parse()
        .with_context(|| format!("{} is no manifest", path.display()))
}

//! Where the workspace lies.

use std::env;
use std::path::{Path, PathBuf};

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

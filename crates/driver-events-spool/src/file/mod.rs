//! The spool's files: owner, permissions, free space.

pub(crate) mod free_space;
pub(crate) mod owner;
pub(crate) mod permissions;
pub(crate) mod set_aside;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Returns the path with `suffix` appended to the file's name.
pub(crate) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

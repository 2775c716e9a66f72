//! Folders for installed programs and for running servers.

use std::env;
use std::path::{Path, PathBuf};

/// Replaces `target/brokers`.
const BROKERS_FOLDER: &str = "BROKERS_FOLDER";

/// Returns the folder that `BROKERS_FOLDER` sets, or `target/brokers` of this workspace.
pub(crate) fn brokers() -> PathBuf {
    if let Some(folder) = env::var_os(BROKERS_FOLDER) {
        return folder.into();
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    // Absolute, since servers run in folders of their own.
    std::path::absolute(&target).unwrap_or(target).join("brokers")
}

/// Returns the root of the workspace that this crate was built in.
fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

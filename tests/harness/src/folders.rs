//! Where the harness keeps what it installs and what it runs.

use std::env;
use std::path::{Path, PathBuf};

/// `target/brokers`, in the build folder of this workspace.
pub(crate) fn brokers() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    // Servers are started in other folders than this one.
    std::path::absolute(&target).unwrap_or(target).join("brokers")
}

/// The root of the workspace that this crate was built in.
fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

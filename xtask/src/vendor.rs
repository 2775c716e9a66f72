//! `cargo xtask vendor`: the types crate's folder, copied alone into a foreign place, builds and passes its tests.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, run};
use crate::git::Repository;
use crate::workspace::TYPES_CRATE;

/// What whoever vendors the folder needs besides the code.
const CARRIED: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Copies what git tracks of the folder to a temporary directory, and runs `cargo test` there.
///
/// The workspace's `Cargo.lock` goes with it, so that the outcome does not depend on what was published today. The
/// dependencies are built in `target/vendor` and stay there; the crate's own artifacts are removed, since the next run
/// will copy to another directory and would not find them.
///
/// # Errors
/// When a test fails there, when the folder lacks a licence or its README, and when it cannot be copied.
pub fn check(root: &Path) -> Result<()> {
    let place = tempfile::tempdir().context("no temporary directory")?;
    let folder = place.path().join("driver-events-types");
    copy(root, &folder)?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).context("Cargo.lock cannot be copied")?;

    let target = root.join("target/vendor");
    let tests = run(cargo(&folder).arg("test").env("CARGO_TARGET_DIR", &target));
    let cleaned = run(cargo(&folder)
        .args(["clean", "--quiet", "-p", "driver-events-types"])
        .env("CARGO_TARGET_DIR", &target));
    tests.and(cleaned)
}

fn copy(root: &Path, folder: &Path) -> Result<()> {
    for file in Repository::around(root)?.tracked_files(TYPES_CRATE)? {
        let from = root.join(&file);
        let to = folder.join(Path::new(&file).strip_prefix(TYPES_CRATE)?);
        let parent = to.parent().context("a file has a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        fs::copy(&from, &to).with_context(|| format!("{} cannot be copied", from.display()))?;
    }
    for file in CARRIED {
        if !folder.join(file).is_file() {
            bail!("{TYPES_CRATE}/{file} is not tracked by git: the folder must carry it wherever it is copied");
        }
    }
    Ok(())
}

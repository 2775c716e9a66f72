//! `cargo xtask vendor`: a copy of the types crate's folder in another workspace builds and passes its tests.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, run};
use crate::git::Repository;
use crate::workspace::TYPES_CRATE;

/// Files besides the code that a vendored copy needs.
const REQUIRED_FILES: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// A workspace that differs from this one in all that a member could inherit.
const FOREIGN_WORKSPACE: &str = r#"[workspace]
members = ["driver-events-types"]
resolver = "1"

[workspace.package]
version = "9.9.9"
edition = "2015"

[workspace.lints.rust]
warnings = "deny"
"#;

/// Copies the tracked files of the folder into another workspace, runs `cargo test` there, and checks it without features.
///
/// The workspace's `Cargo.lock` is copied, too, so that new releases of dependencies do not change the outcome. Built
/// dependencies stay in `target/vendor`. The crate's own artifacts are removed: the next run uses another directory and
/// cannot reuse them.
///
/// # Errors
/// Returns an error if a test fails, if the folder lacks a licence or its README, or if it cannot be copied.
pub fn check(root: &Path) -> Result<()> {
    let temporary = tempfile::tempdir().context("cannot create a temporary directory")?;
    let folder = temporary.path().join("driver-events-types");
    copy(root, &folder)?;
    let workspace = temporary.path();
    fs::copy(root.join("Cargo.lock"), workspace.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    fs::write(workspace.join("Cargo.toml"), FOREIGN_WORKSPACE).context("cannot write Cargo.toml")?;

    let target = root.join("target/vendor");
    let tests = [&["test"][..], &["check", "--all-targets", "--no-default-features"]];
    let tests = tests
        .into_iter()
        .try_for_each(|arguments| run(cargo(&folder).args(arguments).env("CARGO_TARGET_DIR", &target)));
    let cleaned = run(cargo(&folder)
        .args(["clean", "--quiet", "-p", "driver-events-types"])
        .env("CARGO_TARGET_DIR", &target));
    tests.and(cleaned)
}

fn copy(root: &Path, folder: &Path) -> Result<()> {
    for file in Repository::containing(root)?.tracked_files(TYPES_CRATE)? {
        let from = root.join(&file);
        let to = folder.join(Path::new(&file).strip_prefix(TYPES_CRATE)?);
        let parent = to.parent().context("a file has no folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot create `{}`", parent.display()))?;
        fs::copy(&from, &to).with_context(|| format!("cannot copy `{}`", from.display()))?;
    }
    for file in REQUIRED_FILES {
        if !folder.join(file).is_file() {
            bail!("{TYPES_CRATE}/{file} is not tracked by git: a copy of the folder must include it");
        }
    }
    Ok(())
}

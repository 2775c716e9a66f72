//! The packages: built by cargo as a publication builds them, and unpacked into a workspace of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::Package;

use crate::command::{cargo, run};
use crate::git::Repository;
use crate::workspace;

/// Runs `cargo publish --workspace --dry-run`, which builds each crate from its package.
///
/// # Errors
/// Returns cargo's failure, or an error without a commit.
pub(super) fn publish(root: &Path) -> Result<()> {
    let commit = Repository::containing(root)?.commit("HEAD")?;
    let commit = commit.context("the repository has no commit")?;
    let mut publish = dry_run(root);
    // Cargo unpacks the packages that others depend on once for each path of their folder, and never again: in the same folder,
    // a crate would be built with the dependencies of an earlier run.
    publish.env("CARGO_TARGET_DIR", target(root).join("publish").join(commit));
    publish.env("CARGO_BUILD_BUILD_DIR", target(root));
    run(publish.env("CARGO_PROFILE_DEV_DEBUG", "0"))
}

/// Runs `cargo publish --workspace --dry-run` without builds, with uncommitted changes.
///
/// # Errors
/// Returns cargo's failure.
pub(super) fn publish_unverified(root: &Path) -> Result<()> {
    run(dry_run(root).args(["--no-verify", "--allow-dirty"]))
}

fn dry_run(root: &Path) -> Command {
    let mut publish = cargo(root);
    publish.args(["publish", "--workspace", "--dry-run"]);
    publish
}

/// Refuses uncommitted files: the packages would not be those of a commit.
///
/// # Errors
/// Returns an error that lists the files.
pub fn require_clean(root: &Path) -> Result<()> {
    let changes = Repository::containing(root)?.uncommitted_changes()?;
    ensure!(
        changes.is_empty(),
        "the work tree has changes that are not committed, and a release is a commit: commit or stash them:\n{}",
        changes.trim_end()
    );
    Ok(())
}

/// Folder of what a release builds, apart from the workspace's own builds: many sets of features, and three toolchains.
#[must_use]
pub fn target(root: &Path) -> PathBuf {
    workspace::target(root).join("release-check")
}

/// Packages the crates and unpacks them into a workspace in `folder`, where they take the place of those on crates.io.
/// It is no part of this workspace, so that nothing is inherited, but has its `Cargo.lock`.
///
/// # Errors
/// Returns cargo's or tar's failure, or an error if a file cannot be written.
pub fn unpack(root: &Path, packages: &[Package], folder: &Path, options: &[&str]) -> Result<()> {
    let mut package = cargo(root);
    package.args(["package", "--no-verify"]).args(options);
    for each in packages {
        package.args(["--package", &each.name]);
    }
    run(&mut package)?;

    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let archives = workspace::target(root).join("package");
    for each in packages {
        let archive = archives.join(format!("{}.crate", folder_of(each)));
        // `-m`: files are new. All files of a package are dated 2006, so cargo would not see what changed since an earlier run.
        run(Command::new("tar").arg("-xmzf").arg(archive).arg("-C").arg(folder))?;
    }
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    fs::write(folder.join("Cargo.toml"), manifest(packages)).context("cannot write Cargo.toml")
}

fn folder_of(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

fn manifest(packages: &[Package]) -> String {
    let mut members = String::new();
    let mut patches = String::new();
    for package in packages {
        let folder = folder_of(package);
        members.push_str(&format!("\"{folder}\", "));
        patches.push_str(&format!("{} = {{ path = \"{folder}\" }}\n", package.name));
    }
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n[profile.dev]\ndebug = false\n\n[patch.crates-io]\n{patches}"
    )
}

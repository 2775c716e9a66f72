//! `cargo xtask release --dry-run`: all that a release must pass, and what it will be. `cargo xtask package`: the part of it that
//! every change must pass.

mod builds;
mod changelog;
pub mod packages;
pub mod published;
pub mod rules;
mod summary;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::Package;

use crate::api;
use crate::output::progress;
use crate::selection::Selection;
use crate::stopwatch::Stopwatch;

/// The release that is checked.
struct Release<'a> {
    root: &'a Path,
    packages: Vec<Package>,
    /// The workspace of the unpacked packages.
    unpacked: PathBuf,
}

/// Runs a step. The last argument receives a line for everything that the step does not check on this machine.
type Run = fn(&Release<'_>, &mut Vec<String>) -> Result<()>;

const STEPS: [(&str, Run); 8] = [
    ("rules", |release, _| {
        packages::require_clean(release.root)?;
        rules::require_unreleased(release.root)?;
        rules::check(release.root, &release.packages)
    }),
    ("publish", |release, _| packages::publish(release.root)),
    ("unpack", |release, _| {
        packages::unpack(release.root, &release.packages, &release.unpacked, &[])
    }),
    ("features", |release, _| {
        builds::features(release.root, &release.unpacked)
    }),
    ("rust-version", |release, _| {
        builds::oldest_rust(release.root, &release.unpacked)
    }),
    ("documentation", |release, not_checked| {
        builds::documentation(release.root, &release.unpacked, not_checked)
    }),
    ("public API", |release, not_checked| {
        api::check(release.root, not_checked)
    }),
    // Last, as it replaces the Cargo.lock of the unpacked packages.
    ("minimal versions", |release, not_checked| {
        builds::minimal_versions(release.root, &release.unpacked, not_checked)
    }),
];

/// `cargo xtask release`: checks all that a release must pass, and prints the order of publication, the versions, the part of the
/// changelog and the commands that publish.
///
/// # Errors
/// Returns the first failure. Without `dry_run`, returns an error with the commands: publishing is done by hand.
pub fn run(root: &Path, dry_run: bool) -> Result<()> {
    let version = rules::version(root)?;
    if !dry_run {
        bail!(
            "publishing is done by hand, after `cargo xtask release --dry-run` has passed:\n{}",
            summary::commands(&version)
        );
    }
    let release = Release {
        root,
        packages: published::read(root)?,
        unpacked: packages::target(root).join("packages"),
    };
    let (mut stopwatch, mut not_checked) = (Stopwatch::start(), Vec::new());
    for (index, (name, step)) in STEPS.iter().enumerate() {
        progress(format_args!("\n=== {}/{} {name}", index + 1, STEPS.len()));
        step(&release, &mut not_checked).with_context(|| format!("step `{name}` failed; later steps did not run"))?;
        stopwatch.lap(name);
    }
    stopwatch.print_table();
    summary::write(&release.packages, &changelog::read(root, &version)?, &version)?;
    for line in not_checked {
        progress(format_args!("!!! NOT CHECKED: {line}"));
    }
    Ok(())
}

/// `cargo xtask package`: the published crates build from their packages with all features, and the versions, packages, changelog
/// and listed APIs keep their rules. A selection that leaves something out builds nothing from packages.
///
/// # Errors
/// Returns all findings, or cargo's failure.
pub fn check_packages(root: &Path, selection: &Selection, not_checked: &mut Vec<String>) -> Result<()> {
    let packages = published::read(root)?;
    rules::check(root, &packages)?;
    api::check_names(root)?;
    packages::publish_unverified(root)?;
    if selection.is_complete() {
        let unpacked = packages::target(root).join("packages");
        packages::unpack(root, &packages, &unpacked, &["--allow-dirty"])?;
        return builds::all_features(root, &unpacked);
    }
    let line = "builds from packages: they need the tools of every transport".to_owned();
    progress(format_args!("!!! NOT CHECKED: {line}"));
    not_checked.push(line);
    Ok(())
}

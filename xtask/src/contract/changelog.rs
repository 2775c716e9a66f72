//! Additions to the contract in the changelog.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Finding, Line};

const CHANGELOG: &str = "CHANGELOG.md";
/// Heading below which a bless writes.
const ADDED: &str = "## [Unreleased]\n\n### Added\n\n";

/// Returns the additions that the changelog does not name.
pub(super) fn missing(root: &Path, additions: &[&Line]) -> Result<Vec<Finding>> {
    if additions.is_empty() {
        return Ok(Vec::new());
    }
    let text = read(root)?;
    let missing = additions.iter().filter(|line| !names(&text, line));
    Ok(missing.map(|line| Finding::NotInChangelog((*line).clone())).collect())
}

/// Adds a line for each addition that the changelog does not name.
pub(super) fn add(root: &Path, additions: &[&Line]) -> Result<()> {
    if additions.is_empty() {
        return Ok(());
    }
    let text = read(root)?;
    let new = additions.iter().filter(|line| !names(&text, line));
    let lines: String = new
        .map(|Line { key, value }| format!("- Contract: `{key}` ({value}).\n"))
        .collect();
    let (before, after) = text
        .split_once(ADDED)
        .with_context(|| format!("{CHANGELOG} has no section {ADDED:?}: add it"))?;
    fs::write(root.join(CHANGELOG), format!("{before}{ADDED}{lines}{after}"))
        .with_context(|| format!("cannot write {CHANGELOG}"))
}

fn names(changelog: &str, line: &Line) -> bool {
    changelog.contains(&format!("`{}`", line.key))
}

fn read(root: &Path) -> Result<String> {
    fs::read_to_string(root.join(CHANGELOG)).with_context(|| format!("cannot read {CHANGELOG}"))
}

//! `cargo xtask catalogue`: the event catalogue, generated from the tables of the contract.

mod descriptions;
mod examples;
mod page;
mod table;
mod types;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::output::progress;

/// Path of the catalogue from the workspace's root.
const CATALOGUE: &str = "docs/events.md";

/// Writes the catalogue.
///
/// # Errors
/// Returns an error if a kind lacks its description or its example, or if the file cannot be written.
pub fn write(root: &Path) -> Result<()> {
    let path = root.join(CATALOGUE);
    fs::write(&path, page::page(root)?).with_context(|| format!("cannot write `{}`", path.display()))?;
    progress(format_args!("wrote {CATALOGUE}"));
    Ok(())
}

/// Fails if the catalogue is out of date.
///
/// # Errors
/// Returns an error with the first line that differs, or an error if the catalogue cannot be read or generated.
pub fn check(root: &Path) -> Result<()> {
    let path = root.join(CATALOGUE);
    let current = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if let Some(line) = first_difference(&current, &page::page(root)?) {
        bail!("{CATALOGUE}:{line} is out of date: run `cargo xtask catalogue`");
    }
    progress(format_args!("{CATALOGUE} is up to date"));
    Ok(())
}

/// Returns the number of the first line that differs, from 1. Line endings are ignored.
fn first_difference(left: &str, right: &str) -> Option<usize> {
    let equal = left
        .lines()
        .zip(right.lines())
        .take_while(|(left, right)| left == right)
        .count();
    let lines = left.lines().count().max(right.lines().count());
    (equal < lines).then_some(equal + 1)
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn first_differing_line_is_returned() {
        assert_eq!(first_difference("a\nb\n", "a\r\nb\r\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
        assert_eq!(first_difference("a\nb\nc\n", "a\n"), Some(2));
        assert_eq!(first_difference("", "a"), Some(1));
    }
}

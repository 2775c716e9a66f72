//! `cargo xtask catalogue`: the event catalogue, printed from the tables of the contract.

mod examples;
mod meaning;
mod page;
mod table;
mod types;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The catalogue, from the workspace's root.
const CATALOGUE: &str = "docs/events.md";

/// Writes the catalogue.
///
/// # Errors
/// When a kind lacks its meaning or its example, and when the file cannot be written.
pub fn write(root: &Path) -> Result<()> {
    let path = root.join(CATALOGUE);
    fs::write(&path, page::page(root)?).with_context(|| format!("{} cannot be written", path.display()))?;
    eprintln!("wrote {CATALOGUE}");
    Ok(())
}

/// Fails when the catalogue is not what the code says.
///
/// # Errors
/// When it differs, naming the first line that does, when it cannot be read, and when it cannot be made.
pub fn check(root: &Path) -> Result<()> {
    let path = root.join(CATALOGUE);
    let written = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    if let Some(line) = first_difference(&written, &page::page(root)?) {
        bail!("{CATALOGUE}:{line} is not what the code says: run `cargo xtask catalogue`");
    }
    eprintln!("{CATALOGUE} is what the code says");
    Ok(())
}

/// The number of the first line in which the two differ, from 1. How lines end does not count.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    let same = one
        .lines()
        .zip(other.lines())
        .take_while(|(one, other)| one == other)
        .count();
    let longest = one.lines().count().max(other.lines().count());
    (same < longest).then_some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn the_first_difference_is_a_line() {
        assert_eq!(first_difference("a\nb\n", "a\r\nb\r\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
        assert_eq!(first_difference("a\nb\nc\n", "a\n"), Some(2));
        assert_eq!(first_difference("", "a"), Some(1));
    }
}

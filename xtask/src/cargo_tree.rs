//! `cargo tree`: the crates that a package brings into a build.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::command;

/// Returns the package `of` of the workspace in `folder` and every dependency, one a line, some more than once.
///
/// # Errors
/// Returns cargo's error.
pub fn tree(folder: &Path, of: &str, arguments: &str) -> Result<String> {
    let mut tree = command::cargo(folder);
    tree.args(["tree", "-p", of, "--prefix", "none", "--format", "{p}"]);
    command::output(tree.args(arguments.split(' ')))
}

/// Returns each name and version in a [`tree`] once.
#[must_use]
pub fn crates(tree: &str) -> BTreeSet<(&str, &str)> {
    let words = tree.lines().map(str::split_whitespace);
    words.filter_map(|mut words| words.next().zip(words.next())).collect()
}

//! The number of crates that the types crate adds to a build.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::layers::TYPES;
use crate::command;

/// Maximum number of crates in a build of the types crate, including itself, without procedural macros.
const MAX_CRATES: usize = 16;

/// Returns a line if the types crate adds too many crates.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let arguments = ["tree", "-p", TYPES, "-e", "normal,no-proc-macro", "--prefix", "none"];
    let tree = command::output(command::cargo(root).args(arguments))?;
    let count = crates(&tree).len();
    eprintln!("{TYPES} is {count} crates in a build, itself included; at most {MAX_CRATES} are allowed");
    Ok((count > MAX_CRATES)
        .then(|| format!("{TYPES} is {count} crates in a build, at most {MAX_CRATES} are allowed"))
        .into_iter()
        .collect())
}

/// Returns each crate of the tree once. Two versions of a crate count twice.
fn crates(tree: &str) -> BTreeSet<(&str, &str)> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn repeated_crate_counts_once() {
        let tree = "types v0.1.0 (/x/types)\nserde v1.0.0\nserde_core v1.0.0\nserde_core v1.0.0 (*)\nserde v2.0.0\n";
        assert_eq!(super::crates(tree).len(), 4);
    }
}

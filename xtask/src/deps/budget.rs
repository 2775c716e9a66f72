//! How many crates the types crate brings into a build.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::arrows::TYPES;
use crate::command;

/// The most that the types crate may bring, itself included, procedural macros not counted.
const MOST: usize = 16;

/// A line when the types crate brings too many.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let arguments = ["tree", "-p", TYPES, "-e", "normal,no-proc-macro", "--prefix", "none"];
    let tree = command::output(command::cargo(root).args(arguments))?;
    let count = crates(&tree).len();
    eprintln!("{TYPES} brings {count} crates into a build, itself included; it may bring {MOST}");
    Ok((count > MOST)
        .then(|| format!("{TYPES} brings {count} crates into a build, and may bring {MOST}"))
        .into_iter()
        .collect())
}

/// Each crate of the tree once: two versions of one are two.
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
    fn a_crate_that_comes_twice_counts_once() {
        let tree = "types v0.1.0 (/x/types)\nserde v1.0.0\nserde_core v1.0.0\nserde_core v1.0.0 (*)\nserde v2.0.0\n";
        assert_eq!(super::crates(tree).len(), 4);
    }
}

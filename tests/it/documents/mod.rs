//! The documents are correct: their commands run and have the described outcome, their links resolve.

mod blocks;
mod commands;
mod links;
mod pages;
mod shell;
mod tool_without_transports;

use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The lines of all fenced blocks of `language`, in order.
pub(super) fn fenced<'a>(markdown: &'a str, language: &str) -> Vec<&'a str> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        match line.strip_prefix("```") {
            Some(opened) => inside = !inside && opened == language,
            None if inside => lines.push(line),
            None => {}
        }
    }
    lines
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn every_package_has_exact_copies_of_the_licences() {
    let crates = files(&root().join("crates"));
    for folder in crates.into_iter().chain([root().join("docs/consumers/python")]) {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let (original, copy) = (fs::read(root().join(licence)).unwrap(), fs::read(folder.join(licence)));
            assert!(
                copy.is_ok_and(|copy| copy == original),
                "{}/{licence}",
                folder.display()
            );
        }
    }
}

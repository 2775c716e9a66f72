//! The documents are correct: their commands run and have the described outcome, their links resolve.

mod commands;
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

/// The Markdown pages of the project and of its crates.
fn pages() -> Vec<PathBuf> {
    let folders = [
        root(),
        root().join("docs"),
        root().join("docs/adr"),
        root().join("tests/harness"),
    ];
    folders
        .into_iter()
        .chain(files(&root().join("crates")))
        .flat_map(|folder| files(&folder))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn links_between_pages_resolve() {
    let pages = pages();
    assert!(pages.len() >= 15, "{pages:?}");
    for path in pages {
        let text = fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                assert!(
                    path.parent().unwrap().join(file).exists(),
                    "{} links to {target}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_crate_has_exact_copies_of_the_licences() {
    for folder in files(&root().join("crates")) {
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

//! The Markdown pages of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use super::{files, root};

/// A page, its path from the root in its name.
pub(super) struct Page {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// A fenced block.
pub(super) struct Block<'a> {
    /// Number of the line that opens it, from 1.
    pub(super) line: usize,
    /// What follows the fence: a language, and for Rust its options.
    pub(super) language: &'a str,
    pub(super) text: String,
}

/// Returns all pages.
pub(super) fn all() -> Vec<Page> {
    let mut pages = Vec::new();
    collect(&root(), &mut pages);
    assert!(pages.len() >= 30, "{} pages", pages.len());
    pages
}

fn collect(folder: &Path, pages: &mut Vec<Page>) {
    // The last one has parts of generated pages.
    const NO_PAGES: [&str; 4] = ["target", "node_modules", ".git", "xtask"];
    for path in files(folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !NO_PAGES.contains(&name) {
            collect(&path, pages);
        } else if name.ends_with(".md") {
            pages.push(Page {
                name: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
                text: fs::read_to_string(&path).unwrap(),
                path,
            });
        }
    }
}

impl Page {
    pub(super) fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut open: Option<Block<'_>> = None;
        for (index, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    let (line, text) = (index + 1, String::new());
                    open = Some(Block { line, language, text });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{} has a block without an end", self.name);
        blocks
    }

    /// Returns the lines outside blocks.
    pub(super) fn prose(&self) -> String {
        let mut is_inside = false;
        let lines = self.text.lines().filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            is_inside ^= is_fence;
            !is_inside && !is_fence
        });
        lines.fold(String::new(), |prose, line| prose + line + "\n")
    }
}

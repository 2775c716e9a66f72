//! Generated files, which are committed: written, or compared with those that are there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::output::progress;

/// Files and their texts.
#[derive(Debug)]
pub struct Generated {
    /// The command that writes them.
    command: &'static str,
    /// Path of each file from the workspace's root, and its text.
    files: Vec<(String, String)>,
}

impl Generated {
    /// Creates an empty set of files that this command writes.
    #[must_use]
    pub fn new(command: &'static str) -> Self {
        let files = Vec::new();
        Self { command, files }
    }

    /// Adds a file. Its path is relative to the workspace's root.
    pub fn add(&mut self, path: impl Into<String>, text: String) {
        self.files.push((path.into(), text));
    }

    /// Writes the files that differ.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written.
    pub fn write(&self, root: &Path) -> Result<()> {
        for (path, text) in &self.files {
            let file = root.join(path);
            if fs::read_to_string(&file).is_ok_and(|current| current == *text) {
                continue;
            }
            let folder = file.parent().context("a file has a folder")?;
            fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
            fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
            progress(format_args!("wrote {path}"));
        }
        Ok(())
    }

    /// Fails if a file is out of date.
    ///
    /// # Errors
    /// Returns an error with the first line that differs, or an error if a file cannot be read.
    pub fn check(&self, root: &Path) -> Result<()> {
        for (path, text) in &self.files {
            let file = root.join(path);
            let current = fs::read_to_string(&file)
                .with_context(|| format!("cannot read `{}`: run `{}`", file.display(), self.command))?;
            if let Some(line) = first_difference(&current, text) {
                bail!("{path}:{line} is out of date: run `{}`", self.command);
            }
        }
        match self.files.as_slice() {
            [(path, _)] => progress(format_args!("{path} is up to date")),
            files => progress(format_args!("{} files are up to date", files.len())),
        }
        Ok(())
    }
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

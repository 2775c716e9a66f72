//! The git commands that the gates run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// A folder inside a git repository. Paths are relative to this folder, which need not be the repository's root.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// Opens the repository that contains `folder`.
    ///
    /// # Errors
    /// Returns an error if no repository contains it, or if git cannot read it.
    pub fn containing(folder: &Path) -> Result<Self> {
        let repository = Self {
            folder: folder.to_owned(),
        };
        repository
            .git(&["rev-parse", "--git-dir"])
            .with_context(|| format!("cannot read `{}` as a git repository", folder.display()))?;
        Ok(repository)
    }

    /// Rejects a shallow clone: its history lacks older versions of the lists.
    ///
    /// # Errors
    /// Returns an error if the clone is shallow.
    pub fn require_complete(&self) -> Result<()> {
        if self.git(&["rev-parse", "--is-shallow-repository"])?.trim() == "true" {
            bail!("this clone is shallow and lacks older commits: run `git fetch --unshallow`");
        }
        Ok(())
    }

    /// Returns the full hash of the commit that `revision` names, or `None` if it names no commit.
    ///
    /// # Errors
    /// Returns an error if git cannot be run.
    pub fn commit(&self, revision: &str) -> Result<Option<String>> {
        let output = self
            .command(&["rev-parse", "--verify", "--quiet", "--end-of-options"])
            .arg(format!("{revision}^{{commit}}"))
            .output()
            .context("cannot run git")?;
        let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && !name.is_empty()).then_some(name))
    }

    /// Returns the newest tag `v…` that `commit` contains, or `None` without releases.
    ///
    /// # Errors
    /// Returns an error if git fails.
    pub fn last_release(&self, commit: &str) -> Result<Option<String>> {
        let tags = self.git(&[
            "tag",
            "--merged",
            commit,
            "--sort=-version:refname",
            "--list",
            "v[0-9]*",
        ])?;
        Ok(tags.lines().next().map(str::to_owned))
    }

    /// Returns the commits on the first-parent history of `commit` that changed the file at `path`, oldest first.
    ///
    /// # Errors
    /// Returns an error if git fails.
    pub fn changes_of(&self, path: &str, commit: &str) -> Result<Vec<String>> {
        let names = self.git(&["rev-list", "--first-parent", "--reverse", commit, "--", path])?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Returns the text of the file at `path` in `commit`, or `None` if the commit does not have the file.
    ///
    /// # Errors
    /// Returns an error if git fails, or if the text is not UTF-8.
    pub fn text_at(&self, commit: &str, path: &str) -> Result<Option<String>> {
        if self.git(&["ls-tree", "--name-only", commit, "--", path])?.is_empty() {
            return Ok(None);
        }
        self.git(&["show", &format!("{commit}:./{path}")]).map(Some)
    }

    /// Returns the tracked files below `path` that exist in the work tree, relative to this folder.
    ///
    /// # Errors
    /// Returns an error if git fails.
    pub fn tracked_files(&self, path: &str) -> Result<Vec<String>> {
        let names = self.git(&["ls-files", "-z", "--", path])?;
        let exists = |name: &&str| !name.is_empty() && self.folder.join(name).is_file();
        Ok(names.split('\0').filter(exists).map(str::to_owned).collect())
    }

    /// Returns a line for each file of the work tree that is not as in HEAD, or not tracked; `""` if the work tree is clean.
    ///
    /// # Errors
    /// Returns an error if git fails.
    pub fn uncommitted_changes(&self) -> Result<String> {
        self.git(&["status", "--porcelain"])
    }

    fn git(&self, arguments: &[&str]) -> Result<String> {
        command::output(&mut self.command(arguments))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.folder).args(arguments);
        // In a git hook, these variables name the hook's repository instead of the one that contains the folder.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command
    }
}

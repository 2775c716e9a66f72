//! The little of git that the gate reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// A folder inside a git repository. Paths are relative to that folder, wherever in the repository it lies.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// The repository that `folder` lies in.
    ///
    /// # Errors
    /// When it lies in none, when git refuses to read it, and when there is no git.
    pub fn around(folder: &Path) -> Result<Self> {
        let repository = Self {
            folder: folder.to_owned(),
        };
        repository
            .git(&["rev-parse", "--git-dir"])
            .with_context(|| format!("{} cannot be read as a git repository", folder.display()))?;
        Ok(repository)
    }

    /// Refuses a clone that lacks the older commits, in which a search of the history finds less than there is.
    ///
    /// # Errors
    /// When the clone is shallow.
    pub fn require_complete(&self) -> Result<()> {
        if self.git(&["rev-parse", "--is-shallow-repository"])?.trim() == "true" {
            bail!("this clone is shallow and lacks the older commits: run `git fetch --unshallow` first");
        }
        Ok(())
    }

    /// The full name of the commit that `revision` means, or none when there is no such commit.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn commit(&self, revision: &str) -> Result<Option<String>> {
        let output = self
            .command(&["rev-parse", "--verify", "--quiet", "--end-of-options"])
            .arg(format!("{revision}^{{commit}}"))
            .output()
            .context("git could not be started")?;
        let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && !name.is_empty()).then_some(name))
    }

    /// The commits on the first-parent history of `commit` that changed the file at `path`, the oldest first.
    ///
    /// # Errors
    /// When git fails.
    pub fn changes_of(&self, path: &str, commit: &str) -> Result<Vec<String>> {
        let names = self.git(&["rev-list", "--first-parent", "--reverse", commit, "--", path])?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// The text of the file at `path` as it is in `commit`, or none when it is not there.
    ///
    /// # Errors
    /// When git fails, and when the text is not UTF-8.
    pub fn text_at(&self, commit: &str, path: &str) -> Result<Option<String>> {
        if self.git(&["ls-tree", "--name-only", commit, "--", path])?.is_empty() {
            return Ok(None);
        }
        self.git(&["show", &format!("{commit}:./{path}")]).map(Some)
    }

    /// The tracked files under `path` that are there, relative to this folder.
    ///
    /// # Errors
    /// When git fails.
    pub fn tracked_files(&self, path: &str) -> Result<Vec<String>> {
        let names = self.git(&["ls-files", "-z", "--", path])?;
        let there = |name: &&str| !name.is_empty() && self.folder.join(name).is_file();
        Ok(names.split('\0').filter(there).map(str::to_owned).collect())
    }

    fn git(&self, arguments: &[&str]) -> Result<String> {
        command::output(&mut self.command(arguments))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.folder).args(arguments);
        // The folder says which repository is meant. In a hook, these name the one that the hook runs for.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command
    }
}

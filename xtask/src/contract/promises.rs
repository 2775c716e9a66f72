//! The lines in earlier versions of the lists, read from git.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Line, List, line};
use crate::git::Repository;

/// A line that must never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The line.
    pub line: Line,
    /// The place that has the line, such as `commit 0123abc` or `release v0.1.0`.
    pub made_in: String,
    /// Number of the version that has the line first: later versions have higher numbers.
    pub version: usize,
}

/// All promises, and notes on the versions that have them.
#[derive(Debug)]
pub struct Promises {
    /// Each line once, with the last release or the oldest commit that has it.
    pub all: Vec<Promise>,
    /// The promises of the first version of the list. What came later is in the changelog.
    pub first: Vec<Promise>,
    /// Messages for the user of the gate.
    pub notes: Vec<String>,
    /// Number of versions read.
    versions: usize,
}

/// Reads the version of a list in the last release, every version on the first-parent history of HEAD, and the version in
/// `base`.
///
/// First parents are the main line: a name that a branch dropped before its merge was never promised.
///
/// # Errors
/// Returns an error if `root` is not in a repository, if the clone is shallow, if `base` names no commit, or if git
/// fails.
pub fn read(root: &Path, list: List, base: Option<&str>) -> Result<Promises> {
    let repository = Repository::containing(root)?;
    repository
        .require_complete()
        .context("the gate compares with every earlier version of the list")?;
    let (path, notes) = (list.path(), Vec::new());
    let (all, first) = (Vec::new(), Vec::new());
    let mut promises = Promises {
        all,
        first,
        notes,
        versions: 0,
    };

    let mut versions = 0;
    if let Some(head) = repository.commit("HEAD")? {
        if let Some(release) = repository.last_release(&head)? {
            promises.add_version(&repository, list, &release, format!("release {release}"))?;
        }
        for commit in repository.changes_of(path, &head)? {
            let lines = promises.add_commit(&repository, list, &commit)?;
            if versions == 0 {
                promises.first.clone_from(&lines);
            }
            versions += usize::from(!lines.is_empty());
        }
    }
    promises.notes.push(if versions == 0 {
        format!("the history of HEAD does not have {path}: it has no promise to keep")
    } else {
        format!("{path}: {versions} versions in the history of HEAD")
    });

    if let Some(revision) = base {
        let commit = repository
            .commit(revision)?
            .with_context(|| format!("--base `{revision}` names no commit"))?;
        if promises.add_commit(&repository, list, &commit)?.is_empty() {
            let note = format!("{revision} does not have {path}: it has no promise to keep");
            promises.notes.push(note);
        }
    }
    Ok(promises)
}

impl Promises {
    fn add_commit(&mut self, repository: &Repository, list: List, commit: &str) -> Result<Vec<Promise>> {
        let place = format!("commit {}", commit.get(..12).unwrap_or(commit));
        self.add_version(repository, list, commit, place)
    }

    /// Adds the lines of the list in a revision, and returns them: none if the revision does not have the list.
    ///
    /// A malformed line is ignored: it would make the gate fail for ever.
    fn add_version(
        &mut self,
        repository: &Repository,
        list: List,
        revision: &str,
        made_in: String,
    ) -> Result<Vec<Promise>> {
        let text = repository.text_at(revision, list.path())?.unwrap_or_default();
        let version = self.versions;
        self.versions += 1;
        let promise = |line| Promise {
            line,
            made_in: made_in.clone(),
            version,
        };
        let promises: Vec<_> = line::parse(&text).0.into_iter().map(promise).collect();
        for promise in &promises {
            if !self.all.iter().any(|earlier| earlier.line == promise.line) {
                self.all.push(promise.clone());
            }
        }
        Ok(promises)
    }
}

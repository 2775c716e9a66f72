//! The pairs in earlier versions of the lists, read from git.

use std::path::Path;

use anyhow::{Context, Result};

use super::{List, Pair, pair};
use crate::git::Repository;

/// A pair that must never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The pair.
    pub pair: Pair,
    /// The place that has the pair, such as `commit 0123abc`.
    pub made_in: String,
}

/// All promises, and notes on the versions that have them.
#[derive(Debug)]
pub struct Promises {
    /// Each pair once, with the oldest place that has it.
    pub all: Vec<Promise>,
    /// Messages for the user of the gate.
    pub notes: Vec<String>,
}

/// Reads every version of a list on the first-parent history of HEAD, and the version in `base`.
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
    let mut promises = Promises {
        all: Vec::new(),
        notes: Vec::new(),
    };

    let path = list.path();
    let mut versions = 0;
    if let Some(head) = repository.commit("HEAD")? {
        for commit in repository.changes_of(list.path(), &head)? {
            versions += usize::from(promises.add_version(&repository, list, &commit)?);
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
        if !promises.add_version(&repository, list, &commit)? {
            promises
                .notes
                .push(format!("{revision} does not have {path}: it has no promise to keep"));
        }
    }
    Ok(promises)
}

impl Promises {
    /// Adds the pairs of the list in `commit`. Returns `false` if `commit` does not have the list.
    ///
    /// A malformed line is ignored: it would make the gate fail for ever.
    fn add_version(&mut self, repository: &Repository, list: List, commit: &str) -> Result<bool> {
        let Some(text) = repository.text_at(commit, list.path())? else {
            return Ok(false);
        };
        for pair in pair::parse(&text).0 {
            if !self.all.iter().any(|promise| promise.pair == pair) {
                let made_in = format!("commit {}", commit.get(..12).unwrap_or(commit));
                self.all.push(Promise { pair, made_in });
            }
        }
        Ok(true)
    }
}

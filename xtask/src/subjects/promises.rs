//! The pairs that were ever promised, as git remembers them.

use std::path::Path;

use anyhow::{Context, Result};

use super::{List, Pair, pair};
use crate::git::Repository;

/// A pair that must never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The pair.
    pub pair: Pair,
    /// Where it stands, as a message names it: `commit 0123abc`.
    pub made_in: String,
}

/// All promises, and what there is to say about where they come from.
#[derive(Debug)]
pub struct Promises {
    /// Each pair once, with the oldest place that has it.
    pub all: Vec<Promise>,
    /// Sentences for whoever runs the gate.
    pub notes: Vec<String>,
}

/// Reads every version of a list on HEAD's first-parent history, and the one in `base` if there is a base.
///
/// The first parents are the main line: what a branch tried and dropped before it was merged was never promised.
///
/// # Errors
/// When `root` lies in no repository, when the clone is shallow, when `base` names no commit, and when git fails.
pub fn read(root: &Path, list: List, base: Option<&str>) -> Result<Promises> {
    let repository = Repository::around(root)?;
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
        format!("the history of HEAD does not have {path} yet: it holds no promise that could be broken")
    } else {
        format!("{path}: {versions} versions in the history of HEAD")
    });

    if let Some(revision) = base {
        let commit = repository
            .commit(revision)?
            .with_context(|| format!("--base {revision:?} names no commit"))?;
        if !promises.add_version(&repository, list, &commit)? {
            promises.notes.push(format!(
                "{revision} does not have {path}: it holds no promise that could be broken"
            ));
        }
    }
    Ok(promises)
}

impl Promises {
    /// Adds what `commit` promises. False when it does not have the list.
    ///
    /// A line that is no pair promised nothing, and must not fail the gate for ever.
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

//! `cargo xtask subjects`: the gate on kinds, subjects and topics.
//!
//! A kind, its subject and its topic are a promise to consumers in every language: once released they never change and
//! never go. The [`List`]s of them are committed. The gate holds the code against each list, and both against every
//! version of it that the main line ever had, so that a change of code and list in one commit does not pass either.

mod check;
mod finding;
mod grammar;
mod list;
mod pair;
mod promises;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};

pub use check::{bless, check};
pub use finding::Finding;
pub use list::{ALL_KINDS, List};
pub use pair::{Pair, parse, render};
pub use promises::{Promise, Promises, read};

/// Fails when a name of the code is ill-formed, collides, differs from the lists in `root`, or breaks a promise.
///
/// # Errors
/// As [`check_list`], of the first list that is not as it must be.
pub fn check_workspace(root: &Path, base: Option<&str>) -> Result<()> {
    List::ALL
        .into_iter()
        .try_for_each(|list| check_list(root, list, &list.of_code(), base))
}

/// Adds what is new in the code to the lists in `root`. Only adds.
///
/// # Errors
/// As [`bless_list`], of the first list that cannot be blessed.
pub fn bless_workspace(root: &Path, base: Option<&str>) -> Result<()> {
    List::ALL
        .into_iter()
        .try_for_each(|list| bless_list(root, list, &list.of_code(), base))
}

/// Checks one list, with the pairs that the code has for it.
///
/// # Errors
/// The findings, one a line; and whatever keeps the gate from reading the list or the history.
pub fn check_list(root: &Path, list: List, code: &[Pair], base: Option<&str>) -> Result<()> {
    let promises = read_and_tell(root, list, base)?;
    let (listed, mut findings) = parse(&read_list(root, list)?);
    findings.extend(check(list, code, &listed, &promises.all));
    refuse(list, &findings)?;
    eprintln!("{} names: code and list agree, every promise is kept", code.len());
    Ok(())
}

/// Adds the pairs that are new in `code` to one list.
///
/// # Errors
/// The findings for which the list must not become the code's, one a line, the list left as it was; and whatever keeps
/// it from being read or written.
pub fn bless_list(root: &Path, list: List, code: &[Pair], base: Option<&str>) -> Result<()> {
    let promises = read_and_tell(root, list, base)?;
    let (listed, not_pairs) = parse(&read_list(root, list)?);
    refuse(list, &not_pairs)?;
    match bless(list, code, &listed, &promises.all) {
        Ok(added) => {
            let path = root.join(list.path());
            fs::write(&path, render(code)).with_context(|| format!("{} cannot be written", path.display()))?;
            for Pair { kind, name } in &added {
                eprintln!("added `{kind}` with `{name}`");
            }
            eprintln!("{} names: {} new", code.len(), added.len());
            Ok(())
        }
        Err(findings) => refuse(list, &findings),
    }
}

fn read_and_tell(root: &Path, list: List, base: Option<&str>) -> Result<Promises> {
    let promises = read(root, list, base)?;
    for note in &promises.notes {
        eprintln!("{note}");
    }
    Ok(promises)
}

/// The text of the list; empty when there is none yet, so that what it lacks is told kind by kind.
fn read_list(root: &Path, list: List) -> Result<String> {
    let path = root.join(list.path());
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn refuse(list: List, findings: &[Finding]) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let lines: String = findings.iter().map(|finding| format!("\n  {finding}")).collect();
    bail!("the names in {} are not as they must be:{lines}", list.path());
}

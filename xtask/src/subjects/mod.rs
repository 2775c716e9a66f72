//! `cargo xtask subjects`: the gate on the names of kinds, subjects and topics.
//!
//! Consumers in every language rely on a kind, its subject and its topic: they are never changed and never removed. The
//! [`List`]s of them are committed. The gate compares the code with each list, and both with every version of the list
//! on the main line, so that changing code and list in one commit fails, too.

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

use crate::output::progress;

/// Fails if a name in the code is malformed, collides, differs from the lists in `root`, or breaks a promise.
///
/// # Errors
/// Returns the error of [`check_list`] for the first list that fails.
pub fn check_workspace(root: &Path, base: Option<&str>) -> Result<()> {
    List::ALL
        .into_iter()
        .try_for_each(|list| check_list(root, list, &list.of_code(), base))
}

/// Adds the code's new names to the lists in `root`. Never changes or removes a name.
///
/// # Errors
/// Returns the error of [`bless_list`] for the first list that fails.
pub fn bless_workspace(root: &Path, base: Option<&str>) -> Result<()> {
    List::ALL
        .into_iter()
        .try_for_each(|list| bless_list(root, list, &list.of_code(), base))
}

/// Checks that one committed list matches the names in the code and in all earlier versions of the list.
///
/// # Errors
/// Returns the findings, one a line, or an error if the list or the history cannot be read.
pub fn check_list(root: &Path, list: List, code: &[Pair], base: Option<&str>) -> Result<()> {
    let promises = read_promises(root, list, base)?;
    let (listed, mut findings) = parse(&read_list(root, list)?);
    findings.extend(check(list, code, &listed, &promises.all));
    fail_on(list, &findings)?;
    progress(format_args!(
        "{} names: the code matches the list and every earlier version of it",
        code.len()
    ));
    Ok(())
}

/// Adds the new pairs of the code to one list.
///
/// # Errors
/// Returns the findings, one a line, or an error if the list or the history cannot be read or written. The list is then
/// unchanged.
pub fn bless_list(root: &Path, list: List, code: &[Pair], base: Option<&str>) -> Result<()> {
    let promises = read_promises(root, list, base)?;
    let (listed, not_pairs) = parse(&read_list(root, list)?);
    fail_on(list, &not_pairs)?;
    match bless(list, code, &listed, &promises.all) {
        Ok(added) => {
            let path = root.join(list.path());
            fs::write(&path, render(code)).with_context(|| format!("cannot write `{}`", path.display()))?;
            for Pair { kind, name } in &added {
                progress(format_args!("added `{kind}` with `{name}`"));
            }
            progress(format_args!("{} names: {} new", code.len(), added.len()));
            Ok(())
        }
        Err(findings) => fail_on(list, &findings),
    }
}

fn read_promises(root: &Path, list: List, base: Option<&str>) -> Result<Promises> {
    let promises = read(root, list, base)?;
    for note in &promises.notes {
        progress(note);
    }
    Ok(promises)
}

/// Reads the list. A missing list is empty, so that each kind is reported.
fn read_list(root: &Path, list: List) -> Result<String> {
    let path = root.join(list.path());
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

fn fail_on(list: List, findings: &[Finding]) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let lines: String = findings.iter().map(|finding| format!("\n  {finding}")).collect();
    bail!("{} findings in the names of {}:{lines}", findings.len(), list.path());
}

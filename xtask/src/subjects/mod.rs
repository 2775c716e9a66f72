//! `cargo xtask subjects`: the gate on kinds and subjects.
//!
//! A kind and its subject are a promise to consumers in every language: once released they never change and never go.
//! [`LIST`] is the committed list of them. The gate holds the code against the list, and both against every version of
//! the list that the main line ever had, so that a change of code and list in one commit does not pass either.

mod check;
mod finding;
mod grammar;
mod pair;
mod promises;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};

pub use check::{bless, check};
pub use finding::Finding;
pub use pair::{Pair, of_code, parse, render};
pub use promises::{Promise, Promises, read};

/// The list, from the workspace's root: a line `kind<TAB>subject` for each kind, in the code's order.
///
/// The history is searched for this path, so the list never moves.
pub const LIST: &str = "crates/driver-events-types/subjects.txt";

/// Fails when a name of `code` is ill-formed, collides, differs from the list in `root`, or breaks a promise.
///
/// # Errors
/// The findings, one a line; and whatever keeps the gate from reading the list or the history.
pub fn check_workspace(root: &Path, code: &[Pair], base: Option<&str>) -> Result<()> {
    let promises = read_and_tell(root, base)?;
    let (list, mut findings) = parse(&read_list(root)?);
    findings.extend(check(code, &list, &promises.all));
    refuse(&findings)?;
    eprintln!("{} kinds: code and list agree, every promise is kept", code.len());
    Ok(())
}

/// Adds the pairs that are new in `code` to the list in `root`. Only adds.
///
/// # Errors
/// The findings for which the list must not become the code's, one a line, the list left as it was; and whatever keeps
/// it from being read or written.
pub fn bless_workspace(root: &Path, code: &[Pair], base: Option<&str>) -> Result<()> {
    let promises = read_and_tell(root, base)?;
    let (list, not_pairs) = parse(&read_list(root)?);
    refuse(&not_pairs)?;
    match bless(code, &list, &promises.all) {
        Ok(added) => {
            let path = root.join(LIST);
            fs::write(&path, render(code)).with_context(|| format!("{} cannot be written", path.display()))?;
            for Pair { kind, subject } in &added {
                eprintln!("added `{kind}` with `{subject}`");
            }
            eprintln!("{} kinds: {} new", code.len(), added.len());
            Ok(())
        }
        Err(findings) => refuse(&findings),
    }
}

fn read_and_tell(root: &Path, base: Option<&str>) -> Result<Promises> {
    let promises = read(root, base)?;
    for note in &promises.notes {
        eprintln!("{note}");
    }
    Ok(promises)
}

/// The text of the list; empty when there is none yet, so that what it lacks is told kind by kind.
fn read_list(root: &Path) -> Result<String> {
    let path = root.join(LIST);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn refuse(findings: &[Finding]) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let lines: String = findings.iter().map(|finding| format!("\n  {finding}")).collect();
    bail!("the names of kinds and subjects are not as they must be:{lines}");
}

//! `cargo xtask contract`: the gate on everything that consumers in other processes and languages rely on.
//!
//! Kinds, subjects, topics, fields, their forms, values and bytes are never changed and never removed. The [`List`]s of them are
//! committed. The gate compares the code with each list, and both with the last release and with every version of the list on
//! the main line, so that changing code and list in one commit fails, too. What is added must not break a reader, and is named in
//! the changelog.

mod breakage;
mod changelog;
mod check;
mod fields;
mod finding;
mod golden;
mod grammar;
mod line;
mod list;
mod names;
mod promises;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};

pub use check::{additions, bless, check};
pub use finding::Finding;
pub use line::{Line, parse, render};
pub use list::{ALL_KINDS, List};
pub use promises::{Promise, Promises, read};

use crate::output::progress;

/// Fails if the code differs from these lists in `root`, or breaks a promise.
///
/// # Errors
/// Returns the error of [`check_list`] for the first list that fails.
pub fn check_workspace(root: &Path, lists: &[List], base: Option<&str>) -> Result<()> {
    for list in lists {
        let code = list.of_code(&read_list(root, *list)?.0)?;
        check_list(root, *list, &code, base)?;
    }
    Ok(())
}

/// Adds what is new in the code to these lists in `root` and to the changelog. Never changes or removes a line.
///
/// # Errors
/// Returns the error of [`bless_list`] for the first list that fails.
pub fn bless_workspace(root: &Path, lists: &[List], base: Option<&str>) -> Result<()> {
    for list in lists {
        let code = list.of_code(&read_list(root, *list)?.0)?;
        bless_list(root, *list, &code, base)?;
    }
    Ok(())
}

/// Checks that one committed list matches the code and all earlier versions of the list.
///
/// # Errors
/// Returns the findings, one a line, or an error if the list or the history cannot be read.
pub fn check_list(root: &Path, list: List, code: &[Line], base: Option<&str>) -> Result<()> {
    let promises = read_promises(root, list, base)?;
    let (listed, mut findings) = read_list(root, list)?;
    findings.extend(check(list, code, &listed, &promises.all));
    findings.extend(changelog::missing(root, &additions_to_name(list, code, &promises))?);
    fail_on(list, &findings)?;
    let count = code.len();
    progress(format_args!(
        "{count} lines: the code matches the list and every earlier version of it"
    ));
    Ok(())
}

/// Adds the new lines of the code to one list.
///
/// # Errors
/// Returns the findings, one a line, or an error if the list or the history cannot be read or written. The list is then
/// unchanged.
pub fn bless_list(root: &Path, list: List, code: &[Line], base: Option<&str>) -> Result<()> {
    let promises = read_promises(root, list, base)?;
    let (listed, not_lines) = read_list(root, list)?;
    fail_on(list, &not_lines)?;
    match bless(list, code, &listed, &promises.all) {
        Ok(added) => {
            changelog::add(root, &additions_to_name(list, code, &promises))?;
            let path = root.join(list.path());
            fs::write(&path, render(code)).with_context(|| format!("cannot write `{}`", path.display()))?;
            for Line { key, value } in &added {
                progress(format_args!("added `{key}` with `{value}`"));
            }
            progress(format_args!("{} lines: {} new", code.len(), added.len()));
            Ok(())
        }
        Err(findings) => fail_on(list, &findings),
    }
}

/// Returns what the changelog must name: what came after the first version of the list of fields, which has the kinds too.
fn additions_to_name<'a>(list: List, code: &'a [Line], promises: &Promises) -> Vec<&'a Line> {
    match list {
        List::Fields if !promises.first.is_empty() => additions(code, &promises.first),
        _ => Vec::new(),
    }
}

fn read_promises(root: &Path, list: List, base: Option<&str>) -> Result<Promises> {
    let promises = read(root, list, base)?;
    for note in &promises.notes {
        progress(note);
    }
    Ok(promises)
}

/// Reads the list. A missing list is empty, so that each line is reported.
fn read_list(root: &Path, list: List) -> Result<(Vec<Line>, Vec<Finding>)> {
    let path = root.join(list.path());
    match fs::read_to_string(&path) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((Vec::new(), Vec::new())),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

fn fail_on(list: List, findings: &[Finding]) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let lines: String = findings.iter().map(|finding| format!("\n  {finding}")).collect();
    bail!("{} findings in {}:{lines}", findings.len(), list.path());
}

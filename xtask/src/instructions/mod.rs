//! `cargo xtask bench instructions`: the instructions of what happens to each event, counted by callgrind. Unlike times, they do
//! not depend on how busy the machine is.

pub mod baseline;
mod callgrind;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::baseline::{Baseline, Change};
use self::callgrind::Program;
use crate::command;
use crate::output::progress;
use crate::selection::Selection;

/// An operation, and the same with one more allocation.
const SEND: &str = "send";
const WITH_ALLOCATION: &str = "send_with_allocation";

/// Use of the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Print them.
    Report,
    /// Fail if an operation has become more expensive than the baseline allows.
    Check,
    /// Write them to the baseline.
    Bless,
}

/// Counts the instructions of each operation. Without valgrind, a line about that is added to `not_checked`.
///
/// # Errors
/// Returns an error if the program does not build or fails, and in mode `Check` one that lists the operations that have become
/// more expensive, unless the baseline is of another toolchain.
pub fn run(root: &Path, mode: Mode, not_checked: &mut Vec<String>) -> Result<()> {
    if let Err(error) = command::output(Command::new("valgrind").arg("--version")) {
        if mode == Mode::Bless {
            return Err(error.context("instructions are counted by valgrind: install it"));
        }
        skip(format!("valgrind is missing: {error:#}"), not_checked);
        return Ok(());
    }
    let program = Program::build(root)?;
    let measured = Baseline::measure(root, &program)?;
    if mode == Mode::Bless {
        return measured.write(root);
    }
    let baseline = Baseline::read(root)?;
    for change in measured.changes_from(&baseline) {
        progress(change);
    }
    if mode == Mode::Report {
        return Ok(());
    }
    if let Some(difference) = measured.toolchain_difference(&baseline) {
        skip(difference, not_checked);
        return Ok(());
    }
    let changes = measured.changes_from(&baseline);
    let findings: Vec<_> = changes
        .iter()
        .filter(|change| change.is_finding())
        .map(Change::to_string)
        .collect();
    if findings.is_empty() {
        return check_sensitivity(&program, &measured);
    }
    bail!(
        "{} operations have changed by more than {} %:\n  {}\nif that is intended, run `cargo xtask bench instructions --bless`, and \
         write the reason into the commit",
        findings.len(),
        baseline::TOLERANCE_PERCENT,
        findings.join("\n  ")
    )
}

/// Tests the gate: one more allocation for each event sent must be a finding.
fn check_sensitivity(program: &Program, measured: &Baseline) -> Result<()> {
    let change = Change {
        operation: WITH_ALLOCATION.to_owned(),
        before: measured.instructions.get(SEND).copied(),
        now: Some(program.instructions(WITH_ALLOCATION, 1)?),
    };
    if change.before.is_some() && change.is_finding() {
        return Ok(());
    }
    bail!("the gate would not see one more allocation for each event: {change}")
}

/// The step of `cargo xtask test`. A selection that leaves something out measures nothing.
///
/// # Errors
/// Returns the errors of [`run()`].
pub fn check(root: &Path, selection: &Selection, not_checked: &mut Vec<String>) -> Result<()> {
    if selection.is_complete() {
        return run(root, Mode::Check, not_checked);
    }
    skip("they need the tools of every transport".to_owned(), not_checked);
    Ok(())
}

fn skip(reason: String, not_checked: &mut Vec<String>) {
    let line = format!("instructions of each operation: {reason}");
    progress(format_args!("!!! NOT CHECKED: {line}"));
    not_checked.push(line);
}

/// Returns the compiler's version and its target, such as `rustc 1.95.0` and `x86_64-unknown-linux-gnu`.
fn toolchain(root: &Path) -> Result<(String, String)> {
    let text = command::output(Command::new("rustc").current_dir(root).arg("-vV"))?;
    let line = |start: &str| {
        let mut lines = text.lines();
        let found = lines.find_map(|line| line.strip_prefix(start));
        found
            .map(str::to_owned)
            .with_context(|| format!("`rustc -vV` does not print `{start}`"))
    };
    Ok((format!("rustc {}", line("release: ")?), line("host: ")?))
}

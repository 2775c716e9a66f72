//! Committed counts, and the comparison with them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::callgrind::Program;
use super::toolchain;
use crate::output::progress;

/// Path from the workspace's root.
const PATH: &str = "tests/costs/instructions.json";
/// Change that an operation may have without a new baseline.
pub const TOLERANCE_PERCENT: f64 = 3.0;

/// Instructions of each operation for one event, by the code of one toolchain.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Baseline {
    /// Version of the compiler.
    pub rustc: String,
    /// Target that it compiled for.
    pub target: String,
    /// The counts.
    pub instructions: BTreeMap<String, u64>,
}

/// An operation before and now; `None` if it does not exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Name of the operation.
    pub operation: String,
    /// Instructions in the baseline.
    pub before: Option<u64>,
    /// Instructions now.
    pub now: Option<u64>,
}

impl Baseline {
    /// Counts.
    ///
    /// # Errors
    /// Returns an error if the program or valgrind fails.
    pub(super) fn measure(root: &Path, program: &Program) -> Result<Self> {
        let (rustc, target) = toolchain(root)?;
        let mut instructions = BTreeMap::new();
        for (operation, events) in program.operations()? {
            instructions.insert(operation.clone(), program.instructions(&operation, events)?);
        }
        Ok(Self {
            rustc,
            target,
            instructions,
        })
    }

    /// Reads the committed counts.
    ///
    /// # Errors
    /// Returns an error if they cannot be read.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(PATH)).with_context(|| format!("cannot read `{PATH}`"))?;
        serde_json::from_str(&text).with_context(|| format!("`{PATH}` is not a baseline: run with --bless"))
    }

    /// Writes the counts.
    ///
    /// # Errors
    /// Returns an error if they cannot be written.
    pub(super) fn write(&self, root: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(root.join(PATH), text).with_context(|| format!("cannot write `{PATH}`"))?;
        progress(format_args!("wrote {PATH}"));
        Ok(())
    }

    /// Returns the change of each operation.
    #[must_use]
    pub fn changes_from(&self, before: &Self) -> Vec<Change> {
        let names = before.instructions.keys().chain(self.instructions.keys());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names.dedup();
        let change = |name: &String| Change {
            operation: name.clone(),
            before: before.instructions.get(name).copied(),
            now: self.instructions.get(name).copied(),
        };
        names.into_iter().map(change).collect()
    }

    /// Returns a text if the two are of different toolchains, whose counts cannot be compared.
    #[must_use]
    pub fn toolchain_difference(&self, baseline: &Self) -> Option<String> {
        let name = |of: &Self| format!("{} for {}", of.rustc, of.target);
        (name(self) != name(baseline)).then(|| format!("the baseline is of {}, not of {}", name(baseline), name(self)))
    }
}

impl Change {
    /// Returns whether the gate fails: more than the tolerance, or an operation without a baseline.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        match (self.before, self.now) {
            (Some(before), Some(now)) => percent(before, now) > TOLERANCE_PERCENT,
            _ => true,
        }
    }
}

fn percent(before: u64, now: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let (before, now) = (before as f64, now as f64);
    100.0 * (now - before) / before.max(1.0)
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = &self.operation;
        match (self.before, self.now) {
            (Some(before), Some(now)) => {
                write!(
                    f,
                    "{operation}: {now} instructions an event, {:+.1} % from {before}",
                    percent(before, now)
                )
            }
            (None, Some(now)) => write!(f, "{operation}: {now} instructions an event, and no baseline"),
            (Some(before), None) => write!(
                f,
                "{operation}: no longer measured, {before} instructions in the baseline"
            ),
            (None, None) => write!(f, "{operation}: never measured"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(rustc: &str, instructions: &[(&str, u64)]) -> Baseline {
        Baseline {
            rustc: rustc.to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            instructions: instructions
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
        }
    }

    #[test]
    fn more_than_the_tolerance_is_a_finding() {
        let before = baseline(
            "rustc 1.95.0",
            &[("encode", 1_000), ("send", 1_000), ("mint", 1_000), ("gone", 5)],
        );
        let now = baseline(
            "rustc 1.95.0",
            &[("encode", 1_030), ("send", 1_031), ("mint", 10), ("new", 7)],
        );
        let changes = now.changes_from(&before);
        let findings: Vec<_> = changes
            .iter()
            .filter(|change| change.is_finding())
            .map(Change::to_string)
            .collect();
        assert_eq!(
            findings,
            [
                "gone: no longer measured, 5 instructions in the baseline",
                "new: 7 instructions an event, and no baseline",
                "send: 1031 instructions an event, +3.1 % from 1000",
            ]
        );
        assert_eq!(changes.len(), 5);
    }

    #[test]
    fn another_toolchain_is_not_compared() {
        let before = baseline("rustc 1.95.0", &[]);
        assert_eq!(baseline("rustc 1.95.0", &[]).toolchain_difference(&before), None);
        assert_eq!(
            baseline("rustc 1.96.0", &[]).toolchain_difference(&before).unwrap(),
            "the baseline is of rustc 1.95.0 for x86_64-unknown-linux-gnu, not of rustc 1.96.0 for x86_64-unknown-linux-gnu"
        );
    }
}

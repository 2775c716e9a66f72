//! `cargo xtask test` and `cargo xtask ci`: all steps in a row.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::brokers::{self, Action};
use crate::{catalogue, deps, rust_steps, rust_version, subjects, vendor};

/// A step: its name, which is also the command that runs it alone, and what it does in the workspace's root.
type Step = (&'static str, fn(&Path) -> Result<()>);

/// What a Rust toolchain and git are enough for, the quick steps first.
const GATES: [Step; 8] = [
    ("fmt", rust_steps::fmt),
    ("subjects --check", |root| subjects::check_workspace(root, None)),
    ("deps", deps::check),
    ("catalogue --check", catalogue::check),
    ("clippy", rust_steps::clippy),
    ("features", rust_steps::features),
    ("doc", rust_steps::doc),
    ("vendor", vendor::check),
];

/// The tests, with the servers that they need.
const TESTS: [Step; 2] = [
    ("brokers install", |root| {
        brokers::run(root, Action::Install { server: None })
    }),
    ("tests", rust_steps::tests),
];

const TESTS_WITHOUT_BROKERS: [Step; 1] = [("tests --no-brokers", rust_steps::tests_without_brokers)];

/// What may have to be installed first.
const MORE: [Step; 1] = [("rust-version", rust_version::check)];

/// `cargo xtask test`: every test and every gate.
///
/// # Errors
/// The first failure; the steps after it do not run.
pub fn test(root: &Path) -> Result<()> {
    run(root, &[&GATES[..], &TESTS].concat())
}

/// `cargo xtask test --no-brokers`: every gate, and the tests of the packages that need no broker. The last word is
/// what was left out.
///
/// # Errors
/// The first failure; the steps after it do not run.
pub fn test_without_brokers(root: &Path) -> Result<()> {
    run(root, &[&GATES[..], &TESTS_WITHOUT_BROKERS].concat())?;
    brokers::warn_of_what_is_left_out(root)
}

/// `cargo xtask ci`: what [`test()`] runs, and the build with the oldest Rust.
///
/// # Errors
/// The first failure; the steps after it do not run.
pub fn ci(root: &Path) -> Result<()> {
    run(root, &[&GATES[..], &TESTS, &MORE].concat())
}

fn run(root: &Path, steps: &[Step]) -> Result<()> {
    let start = Instant::now();
    let mut table = String::new();
    for (index, (name, step)) in steps.iter().enumerate() {
        eprintln!("\n=== {}/{} {name}", index + 1, steps.len());
        let start = Instant::now();
        step(root).with_context(|| {
            format!("step `{name}` failed: `cargo xtask {name}` runs it alone; the steps after it did not run")
        })?;
        let took = seconds(start.elapsed());
        eprintln!("=== {name} passed in {took}");
        table.push_str(&format!("{took:>10}  {name}\n"));
    }
    eprintln!(
        "\n{table}{:>10}  all {} steps passed",
        seconds(start.elapsed()),
        steps.len()
    );
    Ok(())
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

//! `cargo xtask test` and `cargo xtask ci`: all steps in order.

use std::path::Path;

use anyhow::{Context, Result};

use crate::contract::List;
use crate::output::progress;
use crate::selection::{Selection, Workspace};
use crate::stopwatch::Stopwatch;
use crate::transport::Transport;
use crate::{
    brokers, cargo_steps, catalogue, circles, contract, deny, deps, instructions, prerequisites, release, rust_version,
    schema, vendor, wasm,
};

/// A step of a run.
#[derive(Clone, Copy)]
struct Step {
    /// The command that runs this step alone.
    name: &'static str,
    /// Whether the command takes the options of [`Selection`].
    takes_selection: bool,
    run: Run,
}

/// Runs a step. The last argument receives a line for everything that the step does not check on this machine.
type Run = fn(&Path, &Selection, &mut Vec<String>) -> Result<()>;

impl Step {
    const fn new(name: &'static str, run: Run) -> Self {
        Self {
            name,
            takes_selection: false,
            run,
        }
    }

    const fn selecting(name: &'static str, run: Run) -> Self {
        Self {
            name,
            takes_selection: true,
            run,
        }
    }

    fn command(&self, selection: &Selection) -> String {
        let options = if self.takes_selection {
            selection.options()
        } else {
            String::new()
        };
        format!("{}{options}", self.name)
    }
}

/// The gates: quick steps first, after the check that nothing is missing.
const GATES: [Step; 15] = [
    Step::selecting("prerequisites", |_, selection, _| prerequisites::check(selection)),
    Step::new("fmt", |root, _, _| cargo_steps::fmt(root)),
    Step::new("contract --check", |root, _, _| {
        contract::check_workspace(root, &List::ALL, None)
    }),
    Step::new("deps", |root, _, _| deps::check(root)),
    Step::new("circles", |root, _, _| circles::check(root)),
    Step::new("schema --check", |root, _, _| schema::check(root)),
    Step::new("catalogue --check", |root, _, _| catalogue::check(root)),
    Step::new("deny", |root, _, not_checked| deny::check(root, not_checked)),
    Step::selecting("clippy", |root, selection, _| cargo_steps::clippy(root, selection)),
    Step::selecting("features", |root, selection, _| cargo_steps::features(root, selection)),
    Step::selecting("doc", |root, selection, _| cargo_steps::doc(root, selection)),
    Step::new("vendor", |root, _, _| vendor::check(root)),
    Step::new("wasm", |root, _, not_checked| wasm::check(root, not_checked)),
    Step::selecting("package", release::check_packages),
    Step::new("bench instructions --check", instructions::check),
];

const TESTS: Step = Step::selecting("tests", |root, selection, _| cargo_steps::tests(root, selection));

/// Needs rustup, which installs the oldest supported Rust.
const RUST_VERSION: Step = Step::new("rust-version", |root, _, _| rust_version::check(root));

/// `cargo xtask test`: every gate and every test of the selection. Prints what the selection leaves out at the end.
///
/// # Errors
/// Returns the first failure; later steps do not run.
pub fn test(root: &Path, selection: &Selection) -> Result<()> {
    run(root, &test_steps(selection), selection)?;
    selection.warn(&Workspace::read(root)?);
    Ok(())
}

/// `cargo xtask ci`: the steps of [`test()`], then the build with the oldest supported Rust.
///
/// # Errors
/// Returns the first failure; later steps do not run.
pub fn ci(root: &Path) -> Result<()> {
    let all = Selection::default();
    let mut steps = test_steps(&all);
    steps.push(RUST_VERSION);
    run(root, &steps, &all)
}

fn test_steps(selection: &Selection) -> Vec<Step> {
    let installs = Transport::ALL.map(|transport| match transport {
        Transport::Nats => Step::new("brokers install nats", |root, selection, _| {
            brokers::install(root, Transport::Nats, selection)
        }),
        Transport::Kafka => Step::new("brokers install kafka", |root, selection, _| {
            brokers::install(root, Transport::Kafka, selection)
        }),
    });
    let installs = Transport::ALL.into_iter().zip(installs);
    let installs = installs.filter_map(|(transport, step)| selection.has_servers(transport).then_some(step));
    GATES.into_iter().chain(installs).chain([TESTS]).collect()
}

fn run(root: &Path, steps: &[Step], selection: &Selection) -> Result<()> {
    let (mut stopwatch, mut not_checked) = (Stopwatch::start(), Vec::new());
    for (index, step) in steps.iter().enumerate() {
        let name = step.command(selection);
        progress(format_args!("\n=== {}/{} {name}", index + 1, steps.len()));
        (step.run)(root, selection, &mut not_checked).with_context(|| {
            format!("step `{name}` failed; later steps did not run. To run it alone: cargo xtask {name}")
        })?;
        stopwatch.lap(&name);
    }
    stopwatch.print_table();
    for line in not_checked {
        progress(format_args!("!!! NOT CHECKED: {line}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(selection: &Selection) -> Vec<String> {
        let steps = test_steps(selection).into_iter();
        steps.map(|step| step.command(selection)).collect()
    }

    #[test]
    fn every_gate_runs_before_the_tests() {
        let expected = [
            "prerequisites",
            "fmt",
            "contract --check",
            "deps",
            "circles",
            "schema --check",
            "catalogue --check",
            "deny",
            "clippy",
            "features",
            "doc",
            "vendor",
            "wasm",
            "package",
            "bench instructions --check",
            "brokers install nats",
            "brokers install kafka",
            "tests",
        ];
        assert_eq!(commands(&Selection::default()), expected);
    }

    #[test]
    fn selection_is_passed_to_the_steps_that_build() {
        let commands = commands(&Selection {
            without: vec![Transport::Kafka],
            ..Selection::default()
        });
        for command in ["prerequisites", "clippy", "features", "doc", "package", "tests"] {
            assert!(commands.contains(&format!("{command} --without kafka")), "{commands:?}");
        }
        assert!(commands.contains(&"brokers install nats".to_owned()), "{commands:?}");
        assert!(!commands.contains(&"brokers install kafka".to_owned()), "{commands:?}");
    }

    #[test]
    fn first_failure_ends_the_run_and_names_its_command() {
        let steps = [
            Step::new("fmt", |_, _, _| Ok(())),
            Step::selecting("clippy", |_, _, _| anyhow::bail!("a lint warns")),
            Step::new("deps", |_, _, _| panic!("ran after a failure")),
        ];
        let selection = Selection {
            no_brokers: true,
            ..Selection::default()
        };
        let error = run(Path::new("."), &steps, &selection).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "step `clippy --no-brokers` failed; later steps did not run. To run it alone: cargo xtask clippy \
             --no-brokers: a lint warns"
        );
    }

    #[test]
    fn no_brokers_installs_no_server() {
        let commands = commands(&Selection {
            no_brokers: true,
            ..Selection::default()
        });
        assert!(
            !commands.iter().any(|command| command.starts_with("brokers")),
            "{commands:?}"
        );
    }
}

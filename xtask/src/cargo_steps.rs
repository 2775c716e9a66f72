//! The steps that call cargo: formatting, lints, documentation, tests.

use std::env;
use std::path::Path;
use std::thread;

use anyhow::Result;

use crate::command::{cargo, run};
use crate::components;
use crate::selection::{Selection, Workspace};
use crate::transport::Transport;

/// `cargo xtask fmt`: the code is formatted.
///
/// # Errors
/// Returns rustfmt's failure, or an error if rustfmt is missing and cannot be installed.
pub fn fmt(root: &Path) -> Result<()> {
    components::require(root, "fmt", "rustfmt")?;
    run(cargo(root).args(["fmt", "--all", "--check"]))
}

/// `cargo xtask clippy`: no lint warns in any target of the selected packages.
///
/// # Errors
/// Returns clippy's failure, or an error if clippy is missing and cannot be installed.
pub fn clippy(root: &Path, selection: &Selection) -> Result<()> {
    components::require(root, "clippy", "clippy")?;
    let packages = selection.build_arguments(&Workspace::read(root)?);
    let mut clippy = cargo(root);
    clippy.arg("clippy").args(packages);
    run(clippy.args(["--all-targets", "--", "-D", "warnings"]))
}

/// `cargo xtask features`: no lint warns in the front-door crate and the command-line tool with each selected transport
/// alone, with the spool alone, and with none.
///
/// # Errors
/// Returns clippy's failure, or an error if clippy is missing and cannot be installed.
pub fn features(root: &Path, selection: &Selection) -> Result<()> {
    components::require(root, "clippy", "clippy")?;
    let transports = Transport::ALL
        .into_iter()
        .filter(|transport| selection.builds(*transport));
    for features in ["", "spool"].into_iter().chain(transports.map(Transport::name)) {
        let mut clippy = cargo(root);
        clippy.args([
            "clippy",
            "-p",
            "driver-events",
            "-p",
            "driver-events-cli",
            "--no-default-features",
        ]);
        clippy.args(["--features", features, "--", "-D", "warnings"]);
        run(&mut clippy)?;
    }
    Ok(())
}

/// `cargo xtask doc`: the documentation of the selected packages builds without a warning.
///
/// # Errors
/// Returns rustdoc's failure.
pub fn doc(root: &Path, selection: &Selection) -> Result<()> {
    let packages = selection.build_arguments(&Workspace::read(root)?);
    let mut doc = cargo(root);
    doc.args(["doc", "--no-deps"]).args(packages);
    run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// `cargo xtask tests`: the selected tests. Those of the types crate run a second time, with the features of serde_json
/// that change derived code.
///
/// # Errors
/// Returns the first failure.
pub fn tests(root: &Path, selection: &Selection) -> Result<()> {
    for arguments in selection.test_runs(&Workspace::read(root)?) {
        let mut tests = cargo(root);
        tests.arg("test").args(arguments);
        if env::var_os(TEST_THREADS).is_none() {
            tests.env(TEST_THREADS, test_threads().to_string());
        }
        run(&mut tests)?;
    }
    let features = "serde_json/preserve_order,serde_json/arbitrary_precision";
    run(cargo(root).args(["test", "-p", "driver-events-types", "--features", features]))
}

/// Number of tests that libtest runs at once.
const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// Two tests for each core: most wait for a server.
fn test_threads() -> usize {
    2 * thread::available_parallelism().map_or(1, usize::from)
}

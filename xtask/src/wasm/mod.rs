//! `cargo xtask wasm`: the types crate builds for WebAssembly, and its tests pass under Node.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{cargo, output, run};
use crate::output::progress;

/// What a browser and Node load. It has no standard output, so that the tests have the other target.
const TARGET: &str = "wasm32-unknown-unknown";
const TEST_TARGET: &str = "wasm32-wasip1";
/// Runs a test program under Node, relative to the root.
const RUNNER: &str = "xtask/src/wasm/run.mjs";
const PACKAGE: [&str; 2] = ["--package", "driver-events-types"];

/// Builds the types crate with and without its features, and runs its tests. Without rustup, which installs the targets, nothing
/// is checked, and without Node no test is run: a line about that is printed and added to `not_checked`.
///
/// # Errors
/// Returns an error if the crate does not build or a test fails.
pub fn check(root: &Path, not_checked: &mut Vec<String>) -> Result<()> {
    let mut skip = |what: &str, error: anyhow::Error| {
        let line = format!("{what}: {error:#}");
        progress(format_args!("!!! NOT CHECKED: {line}"));
        not_checked.push(line);
    };
    let mut rustup = Command::new("rustup");
    if let Err(error) = run(rustup.current_dir(root).args(["target", "add", TARGET, TEST_TARGET])) {
        skip("WebAssembly: rustup cannot install its targets", error);
        return Ok(());
    }
    for features in [&[][..], &["--no-default-features"]] {
        let mut check = cargo(root);
        check.arg("check").args(PACKAGE).args(["--target", TARGET]);
        run(check.args(features))?;
    }
    if let Err(error) = output(Command::new("node").arg("--version")) {
        skip("tests of WebAssembly: they need Node", error);
        return Ok(());
    }
    let runner = root.join(RUNNER);
    let runner = runner.to_str().context("the path of the repository is not UTF-8")?;
    let mut tests = cargo(root);
    tests
        .arg("test")
        .args(PACKAGE)
        .args(["--lib", "--tests", "--target", TEST_TARGET]);
    // Unoptimised code is interpreted for minutes.
    tests.env("CARGO_PROFILE_TEST_OPT_LEVEL", "1");
    tests.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    // A list, since the path may have spaces.
    let runner = format!("target.{TEST_TARGET}.runner=['node', '--no-warnings', '{runner}']");
    run(tests.args(["--config", &runner]))
}

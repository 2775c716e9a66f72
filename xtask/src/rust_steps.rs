//! The steps that are a call of cargo: formatting, lints, documentation, tests.

use std::path::Path;

use anyhow::Result;

use crate::brokers;
use crate::command::{cargo, run};
use crate::components;

/// `cargo xtask fmt`: the code is formatted.
///
/// # Errors
/// When it is not, and when rustfmt is missing.
pub fn fmt(root: &Path) -> Result<()> {
    components::require(root, "fmt", "rustfmt")?;
    run(cargo(root).args(["fmt", "--all", "--check"]))
}

/// `cargo xtask clippy`: no lint warns, in any target.
///
/// # Errors
/// When one does, and when clippy is missing.
pub fn clippy(root: &Path) -> Result<()> {
    components::require(root, "clippy", "clippy")?;
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    run(cargo(root).args(arguments))
}

/// `cargo xtask features`: no lint warns in the command-line tool with one of its features alone, as it stands in a
/// build of [`clippy`] never. Without any it says what it was built without.
///
/// # Errors
/// When a lint warns, when it says something else, and when clippy is missing.
pub fn features(root: &Path) -> Result<()> {
    components::require(root, "features", "clippy")?;
    let tool = ["-p", "driver-events-cli", "--no-default-features", "--features"];
    for feature in ["", "nats", "kafka"] {
        let mut clippy = cargo(root);
        clippy.arg("clippy").args(tool).args([feature, "--", "-D", "warnings"]);
        run(&mut clippy)?;
    }
    run(cargo(root)
        .arg("test")
        .args(tool)
        .args(["", "--test", "it", "built_without"]))
}

/// `cargo xtask doc`: the documentation builds, and every link in it leads somewhere.
///
/// # Errors
/// When rustdoc warns.
pub fn doc(root: &Path) -> Result<()> {
    let arguments = ["doc", "--workspace", "--no-deps", "--all-features"];
    run(cargo(root).args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

/// `cargo xtask tests`: all tests of the workspace, and those of the types crate once more with the features of
/// serde_json that change what derived code does.
///
/// # Errors
/// When a test fails.
pub fn tests(root: &Path) -> Result<()> {
    tests_but(root, &[])
}

/// `cargo xtask tests --no-brokers`: the same without the packages whose tests need a broker.
///
/// # Errors
/// When a test fails.
pub fn tests_without_brokers(root: &Path) -> Result<()> {
    tests_but(root, &brokers::packages(root)?)?;
    brokers::warn_of_what_is_left_out(root)
}

fn tests_but(root: &Path, packages: &[String]) -> Result<()> {
    let mut all = cargo(root);
    all.args(["test", "--workspace", "--all-features"]);
    all.args(packages.iter().flat_map(|package| ["--exclude", package]));
    run(&mut all)?;
    let features = "serde_json/preserve_order,serde_json/arbitrary_precision";
    run(cargo(root).args(["test", "-p", "driver-events-types", "--features", features]))
}

//! `cargo xtask deny`: licences, sources, advisories and layers of the dependencies, checked by cargo-deny with deny.toml.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::cargo_tool::CargoTool;
use crate::command;
use crate::output::progress;

const CARGO_DENY: CargoTool = CargoTool {
    name: "cargo-deny",
    version: "0.20.2",
};

/// Runs `cargo deny check`. Without access to the database of advisories, these are not checked: a line about that is
/// printed and added to `not_checked`.
///
/// # Errors
/// Returns an error if a rule of deny.toml is broken, or if cargo-deny cannot be installed.
pub fn check(root: &Path, not_checked: &mut Vec<String>) -> Result<()> {
    let program = program(root)?;
    let deny = |arguments: &[&str]| {
        let mut deny = Command::new(&program);
        command::run(deny.current_dir(root).args(arguments))
    };
    // deny.toml has rules for crates that do not exist yet.
    let mut check = vec!["check", "--hide-inclusion-graph", "--allow", "unused-wrapper"];
    if let Err(error) = deny(&["fetch", "db"]) {
        let line = format!("advisories of the dependencies: no access to their database: {error:#}");
        progress(format_args!("!!! NOT CHECKED: {line}"));
        not_checked.push(line);
        check.extend(["bans", "licenses", "sources"]);
    }
    deny(&check)
}

/// Returns the cargo-deny of the `PATH`, or the one in `target/tools`, which is built once (2 minutes on two cores).
///
/// # Errors
/// Returns an error if cargo cannot install it. The error says how to install it.
pub fn program(root: &Path) -> Result<PathBuf> {
    CARGO_DENY.program(root)
}

//! `cargo xtask deny`: licences, sources, advisories and layers of the dependencies, checked by cargo-deny with deny.toml.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::output::progress;

/// Version that is installed.
const VERSION: &str = "0.20.2";

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
    let on_path = PathBuf::from("cargo-deny");
    if command::output(Command::new(&on_path).arg("--version")).is_ok() {
        return Ok(on_path);
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
    let folder = target.join(format!("tools/cargo-deny-{VERSION}"));
    let installed = folder.join("bin/cargo-deny");
    if installed.is_file() {
        return Ok(installed);
    }
    let mut install = command::cargo(root);
    // Not optimised: it builds three times as fast, and a check takes four seconds.
    install.args(["install", "cargo-deny", "--version", VERSION, "--locked", "--debug"]);
    install.arg("--root").arg(&folder);
    // The build is in a temporary folder.
    install
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    command::run(&mut install)
        .with_context(|| format!("install cargo-deny {VERSION} or newer, so that it is on the PATH"))?;
    Ok(installed)
}

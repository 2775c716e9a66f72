//! Components of the Rust toolchain that a minimal installation lacks.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::command;

/// Installs the component with rustup if `cargo SUBCOMMAND` is missing.
///
/// # Errors
/// Returns an error if rustup is missing or fails. The error says how to install the component.
pub fn require(root: &Path, subcommand: &str, component: &str) -> Result<()> {
    let mut probe = command::cargo(root);
    probe
        .args([subcommand, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if probe.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    command::run(
        Command::new("rustup")
            .current_dir(root)
            .args(["component", "add", component]),
    )
    .with_context(|| {
        format!(
            "`cargo {subcommand}` is missing: install it with `rustup component add {component}`, \
             or with your system's package of {component}"
        )
    })
}

//! Parts of a Rust toolchain that a minimal installation lacks.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::command;

/// Sees to it that `cargo SUBCOMMAND` is there, and asks rustup for the component when it is not.
///
/// # Errors
/// When it is missing and rustup is missing too, or fails. The error says how to get the component.
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

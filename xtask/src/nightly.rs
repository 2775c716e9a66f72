//! The nightly toolchain, for what stable Rust cannot do yet.

use std::path::Path;
use std::process::Command;

use crate::command;
use crate::output::progress;

/// Creates a command that runs the program with the nightly toolchain, in `folder`.
#[must_use]
pub fn command(folder: &Path, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("rustup");
    command
        .current_dir(folder)
        .args(["run", "nightly"])
        .arg(program.as_ref());
    // Set by the cargo that runs this program, and obeyed by other programs.
    command.env_remove("CARGO");
    command
}

/// Returns `true` if rustup has a nightly toolchain. Otherwise a line about that is printed and added to `not_checked`.
pub fn is_installed(root: &Path, what: &str, not_checked: &mut Vec<String>) -> bool {
    let Err(error) = command::output(command(root, "cargo").arg("--version")) else {
        return true;
    };
    let line = format!("{what}: no nightly toolchain, `rustup toolchain install nightly`: {error:#}");
    progress(format_args!("!!! NOT CHECKED: {line}"));
    not_checked.push(line);
    false
}

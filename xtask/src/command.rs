//! Child processes. Their command lines are printed so that they can be run by hand.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::output::progress;

/// Creates a command of the cargo that runs this program, in `folder`.
#[must_use]
pub fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    command
}

/// Prints the command line, then runs the command with inherited stdout and stderr.
///
/// # Errors
/// Returns an error if the command cannot be started, or if it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    progress(format_args!("$ {shown}"));
    let status = command.status().with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs the command and returns its stdout.
///
/// # Errors
/// Returns an error if the command cannot be started, if it fails (the error has its stderr), or if its stdout is not
/// UTF-8.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.output().with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed: {}\n{}", output.status, stderr.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` did not print UTF-8"))
}

/// Returns the command as it is typed in a shell: variables, program, arguments.
fn shown(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.display(), quoted(value?))));
    let program = Path::new(command.get_program())
        .file_stem()
        .unwrap_or(command.get_program());
    let arguments = command.get_args().map(quoted);
    variables
        .chain([quoted(program)])
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "'\"$<>*".contains(c)) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_shown_as_typed() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command
            .args(["doc", "--no-deps", ""])
            .env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(shown(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps ''");
    }

    #[test]
    fn failure_has_the_command_and_its_stderr() {
        let error = output(Command::new("git").args(["no-such-command"]))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("`git no-such-command` failed"), "{error}");
        assert!(error.contains("is not a git command"), "{error}");
    }
}

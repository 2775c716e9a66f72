//! Output that survives a closed pipe, as in `cargo xtask brokers status | head`.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Writes a line to stdout. A closed pipe is no error: its reader has all it wants.
///
/// # Errors
/// Returns any other error of the write.
pub fn print(line: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

/// Writes a line to stderr. Errors are ignored: progress is no reason to stop.
pub fn progress(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

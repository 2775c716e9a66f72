//! The end of a server's log, for error messages and failed tests.

const LINES: usize = 30;

/// Prints the last lines of `log` to stderr.
pub(crate) fn print(server: &str, log: &str) {
    eprintln!("last lines of the log of {server}:\n{}", last_lines(log));
}

/// Returns the last lines of `log`.
pub(crate) fn last_lines(log: &str) -> String {
    let skipped = log.lines().count().saturating_sub(LINES);
    log.lines().skip(skipped).collect::<Vec<_>>().join("\n")
}

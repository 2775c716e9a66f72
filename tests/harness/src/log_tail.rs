//! The end of a server's log, for whoever has to find out why a test failed.

/// The lines that are shown.
const LINES: usize = 30;

/// Prints the last lines of `log` to the standard error.
pub(crate) fn show(name: &str, log: &str) {
    eprintln!("{name} logged last:\n{}", of(log));
}

/// The last lines of `log`.
pub(crate) fn of(log: &str) -> String {
    let skipped = log.lines().count().saturating_sub(LINES);
    log.lines().skip(skipped).collect::<Vec<_>>().join("\n")
}

use std::error::Error;
use std::fmt::Display;
use std::io;

use indicatif::ProgressBar;

use crate::standard_streams::write_all;

/// Writes diagnostics to standard error. Write errors are ignored: there is no other place to report them.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Bar on the terminal's last line, suspended while a line is written.
    bar: ProgressBar,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self::with_bar(ProgressBar::hidden())
    }

    /// Creates a report that shares standard error with a progress bar.
    pub(crate) fn with_bar(bar: ProgressBar) -> Self {
        Self { bar }
    }

    /// Writes one line and escapes terminal control characters.
    pub(crate) fn line(&self, text: impl Display) {
        let mut line = escape(&text.to_string());
        line.push('\n');
        self.bar.suspend(|| {
            let _ = write_all(&mut io::stderr().lock(), line.as_bytes());
        });
    }

    pub(crate) fn error(&self, text: impl Display) {
        self.line(format_args!("error: {text}"));
    }

    pub(crate) fn warning(&self, text: impl Display) {
        self.line(format_args!("warning: {text}"));
    }
}

/// Returns the error and its causes on one line, each cause once: many error types repeat their source's text.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    // async-nats itself displays "authorization violation: nats: authorization violation".
    let mut parts = Vec::new();
    for part in text.split(": ") {
        parts.retain(|earlier| *earlier != part);
        parts.push(part);
    }
    parts.join(": ")
}

/// Formats `1 line`, `2 lines`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if is_terminal_control(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Returns `true` for control characters, bidirectional formatting and line separators.
fn is_terminal_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fmt;

    use super::with_causes;

    /// Error with a message and an optional source.
    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|source| source as _)
        }
    }

    #[test]
    fn each_cause_is_printed_once() {
        for (messages, expected) in [
            (&["cannot connect"][..], "cannot connect"),
            (
                &["cannot connect", "handshake failed", "expired"],
                "cannot connect: handshake failed: expired",
            ),
            (
                &["cannot connect", "IO error: refused", "refused"],
                "cannot connect: IO error: refused",
            ),
            (&["refused", "refused", "refused"], "refused"),
            (
                &["fetch error: down (local)", "down", "timer"],
                "fetch error: down (local): timer",
            ),
            (
                &["cannot connect", "violation: nats: violation", "nats: violation"],
                "cannot connect: nats: violation",
            ),
            (&["cannot connect", "", "refused"], "cannot connect: refused"),
        ] {
            let chain = messages
                .iter()
                .rev()
                .fold(None, |source, message| Some(Box::new(Link(message, source))));
            assert_eq!(with_causes(&*chain.unwrap()), expected);
        }
    }
}

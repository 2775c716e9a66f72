use std::error::Error;
use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};

use indicatif::ProgressBar;

/// Tells the person at standard error. What cannot be told is dropped: there is nowhere else to tell it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// What stands on the terminal's last line, and has to move while a line is written.
    bar: ProgressBar,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self::beside(ProgressBar::hidden())
    }

    /// Shares standard error with a progress bar.
    pub(crate) fn beside(bar: ProgressBar) -> Self {
        Self { bar }
    }

    /// One line as it is, but for characters that a terminal would obey.
    pub(crate) fn line(&self, text: impl Display) {
        let mut line = escape(&text.to_string());
        line.push('\n');
        self.bar.suspend(|| {
            let mut stderr = io::stderr().lock();
            let _ = stderr.write_all(line.as_bytes());
        });
    }

    pub(crate) fn error(&self, text: impl Display) {
        self.line(format_args!("error: {text}"));
    }

    pub(crate) fn warning(&self, text: impl Display) {
        self.line(format_args!("warning: {text}"));
    }
}

/// The error and what lies beneath, on one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// `1 line`, `2 lines`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if is_obeyed(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Control characters, and those that turn the direction of the text or end its line.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

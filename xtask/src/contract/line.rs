//! The lines of a list.

use std::fmt;

use super::Finding;

/// Something of the contract, and what is promised about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Name: a kind, [`ALL_KINDS`](super::ALL_KINDS), a field such as `Goal.budget`, or an example event.
    pub key: String,
    /// Promise: a subject, a topic, the form and presence of a field, or the JSON of an event.
    pub value: String,
}

impl Line {
    /// Creates a line.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// Writes the line as in the list.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}", self.key, self.value)
    }
}

/// Parses a list. Returns its lines, and a finding for each malformed one.
#[must_use]
pub fn parse(list: &str) -> (Vec<Line>, Vec<Finding>) {
    let mut lines = Vec::new();
    let mut findings = Vec::new();
    for (index, text) in list.lines().enumerate() {
        match text.split('\t').collect::<Vec<_>>().as_slice() {
            [key, value] if !key.is_empty() && !value.is_empty() => lines.push(Line::new(*key, *value)),
            _ => findings.push(Finding::NotALine {
                line: index + 1,
                text: text.to_owned(),
            }),
        }
    }
    (lines, findings)
}

/// Formats the lines as a list.
#[must_use]
pub fn render(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::List;

    #[test]
    fn lists_round_trip() {
        for list in List::ALL {
            let code = list.of_code(&[]).unwrap();
            assert_eq!(parse(&render(&code)), (code.clone(), vec![]));
            assert_eq!(parse(&render(&code).replace('\n', "\r\n")), (code, vec![]));
        }
    }

    #[test]
    fn malformed_lines_are_findings() {
        for text in ["", "a", "a b", "a\t", "\tb", "a\tb\tc", "<<<<<<< HEAD"] {
            let (lines, findings) = parse(&format!("a\tb\n{text}\n"));
            assert_eq!(lines, [Line::new("a", "b")], "{text:?}");
            let text = text.to_owned();
            assert_eq!(findings, [Finding::NotALine { line: 2, text }]);
        }
    }
}

//! The pairs of kind and subject, and the list that they are committed in.

use std::fmt;

use driver_events_types::EventKind;

use super::Finding;

/// A kind and the subject that its events are published on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The text of `"kind"` in the JSON.
    pub kind: String,
    /// The subject.
    pub subject: String,
}

impl Pair {
    /// A pair of these two names.
    #[must_use]
    pub fn new(kind: &str, subject: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            subject: subject.to_owned(),
        }
    }
}

/// A line of the list.
impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}", self.kind, self.subject)
    }
}

/// The pairs of the code that this program is built with.
#[must_use]
pub fn of_code() -> Vec<Pair> {
    EventKind::ALL
        .iter()
        .map(|kind| Pair::new(kind.as_str(), kind.subject()))
        .collect()
}

/// The pairs of a list, and a finding for each line that is none.
#[must_use]
pub fn parse(list: &str) -> (Vec<Pair>, Vec<Finding>) {
    let mut pairs = Vec::new();
    let mut findings = Vec::new();
    for (index, text) in list.lines().enumerate() {
        match text.split('\t').collect::<Vec<_>>().as_slice() {
            [kind, subject] if !kind.is_empty() && !subject.is_empty() => pairs.push(Pair::new(kind, subject)),
            _ => findings.push(Finding::NotAPair {
                line: index + 1,
                text: text.to_owned(),
            }),
        }
    }
    (pairs, findings)
}

/// The list of these pairs.
#[must_use]
pub fn render(pairs: &[Pair]) -> String {
    pairs.iter().map(|pair| format!("{pair}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_as_it_was_written() {
        let code = of_code();
        assert_eq!(parse(&render(&code)), (code.clone(), vec![]));
        assert_eq!(parse(&render(&code).replace('\n', "\r\n")), (code, vec![]));
    }

    #[test]
    fn every_other_line_is_a_finding() {
        for text in ["", "a", "a b", "a\t", "\tb", "a\tb\tc", "<<<<<<< HEAD"] {
            let (pairs, findings) = parse(&format!("a\tb\n{text}\n"));
            assert_eq!(pairs, [Pair::new("a", "b")], "{text:?}");
            assert_eq!(
                findings,
                [Finding::NotAPair {
                    line: 2,
                    text: text.to_owned()
                }]
            );
        }
    }
}

//! Pairs of kind and name, and the text form of a list.

use std::fmt;

use super::Finding;

/// A kind and the subject or topic of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Value of `"kind"` in the JSON, or [`ALL_KINDS`](super::ALL_KINDS).
    pub kind: String,
    /// Subject or topic.
    pub name: String,
}

impl Pair {
    /// Creates a pair.
    #[must_use]
    pub fn new(kind: &str, name: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// Writes a line of the list.
impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}", self.kind, self.name)
    }
}

/// Parses a list. Returns its pairs, and a finding for each malformed line.
#[must_use]
pub fn parse(list: &str) -> (Vec<Pair>, Vec<Finding>) {
    let mut pairs = Vec::new();
    let mut findings = Vec::new();
    for (index, text) in list.lines().enumerate() {
        match text.split('\t').collect::<Vec<_>>().as_slice() {
            [kind, name] if !kind.is_empty() && !name.is_empty() => pairs.push(Pair::new(kind, name)),
            _ => findings.push(Finding::NotAPair {
                line: index + 1,
                text: text.to_owned(),
            }),
        }
    }
    (pairs, findings)
}

/// Formats the pairs as a list.
#[must_use]
pub fn render(pairs: &[Pair]) -> String {
    pairs.iter().map(|pair| format!("{pair}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subjects::List;

    #[test]
    fn list_round_trips() {
        for list in List::ALL {
            let code = list.of_code();
            assert_eq!(parse(&render(&code)), (code.clone(), vec![]));
            assert_eq!(parse(&render(&code).replace('\n', "\r\n")), (code, vec![]));
        }
    }

    #[test]
    fn malformed_lines_are_findings() {
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

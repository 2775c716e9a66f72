//! The pairs of kind and name, and the text that they are committed as.

use std::fmt;

use super::Finding;

/// A kind, and what its events are published on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The text of `"kind"` in the JSON; [`ALL_KINDS`](super::ALL_KINDS) for what all kinds share.
    pub kind: String,
    /// The subject or the topic.
    pub name: String,
}

impl Pair {
    /// A pair of these two names.
    #[must_use]
    pub fn new(kind: &str, name: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// A line of the list.
impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}", self.kind, self.name)
    }
}

/// The pairs of a list, and a finding for each line that is none.
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

/// The list of these pairs.
#[must_use]
pub fn render(pairs: &[Pair]) -> String {
    pairs.iter().map(|pair| format!("{pair}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subjects::List;

    #[test]
    fn a_list_reads_back_as_it_was_written() {
        for list in List::ALL {
            let code = list.of_code();
            assert_eq!(parse(&render(&code)), (code.clone(), vec![]));
            assert_eq!(parse(&render(&code).replace('\n', "\r\n")), (code, vec![]));
        }
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

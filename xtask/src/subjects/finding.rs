//! The findings of the gate.

use std::fmt;

use super::Pair;

/// A reason for the gate to fail. Its text is one line, with the remedy where that is not obvious.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The line of the list is not `kind<TAB>name`.
    NotAPair {
        /// Line number, from 1.
        line: usize,
        /// Text of the line.
        text: String,
    },
    /// A kind, a subject or a topic violates a grammar.
    Malformed {
        /// The kind, the subject or the topic.
        name: String,
        /// The grammar's owner and the violated rule.
        fault: &'static str,
    },
    /// Two kinds of the code have the same name.
    SameKind {
        /// The name.
        kind: String,
    },
    /// Two kinds have the same subject, or the same topic.
    SameName {
        /// The subject or the topic.
        name: String,
        /// The two kinds.
        kinds: [String; 2],
    },
    /// Two names are the same in Kafka's metrics.
    SameInMetrics {
        /// The two names.
        names: [String; 2],
    },
    /// The list lacks this pair of the code.
    NotInList(Pair),
    /// The code lacks this pair of the list.
    NotInCode(Pair),
    /// The list has the pairs of the code, but in another order or more than once.
    OutOfOrder,
    /// A kind had another subject or topic.
    Changed {
        /// The promised pair.
        was: Pair,
        /// The subject or topic that the kind has now.
        now: String,
        /// The commit or list that has the promised pair.
        promised_in: String,
    },
    /// A kind was removed.
    Removed {
        /// The promised pair.
        was: Pair,
        /// The commit or list that has the promised pair.
        promised_in: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPair { line, text } => {
                write!(f, "line {line} of the list is not `kind<TAB>name`: {text:?}")
            }
            Self::Malformed { name, fault } => write!(f, "malformed name {name:?}: {fault}"),
            Self::SameKind { kind } => write!(f, "collision: two kinds are named `{kind}`"),
            Self::SameName {
                name,
                kinds: [left, right],
            } => {
                write!(f, "collision: `{left}` and `{right}` both have the name `{name}`")
            }
            Self::SameInMetrics { names: [left, right] } => {
                write!(f, "collision: `{left}` and `{right}` are the same in Kafka's metrics")
            }
            Self::NotInList(Pair { kind, name }) => write!(
                f,
                "the list lacks `{kind}` with `{name}`: to add a new name, run `cargo xtask subjects --bless`"
            ),
            Self::NotInCode(Pair { kind, name }) => {
                write!(f, "the code lacks `{kind}` with `{name}`, which is in the list")
            }
            Self::OutOfOrder => f.write_str(
                "the list has other lines or another order than the code: run `cargo xtask subjects --bless`",
            ),
            Self::Changed { was, now, promised_in } => write!(
                f,
                "changed: `{}` was `{}` in {promised_in}, and is `{now}` now: names never change",
                was.kind, was.name
            ),
            Self::Removed { was, promised_in } => write!(
                f,
                "removed: `{}` with `{}` is in {promised_in}: names are never removed",
                was.kind, was.name
            ),
        }
    }
}

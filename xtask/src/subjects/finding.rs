//! What the gate can find.

use std::fmt;

use super::Pair;

/// One reason for which the gate fails. Its text is one line and says what to do where that is not plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A line of the list is not `kind<TAB>name`.
    NotAPair {
        /// The number of the line, from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// The text of a kind, or a subject or a topic, breaks a grammar.
    IllFormed {
        /// The kind, the subject or the topic.
        name: String,
        /// Whose grammar, and how.
        fault: &'static str,
    },
    /// The code gives two kinds the same text.
    SameKind {
        /// The text.
        kind: String,
    },
    /// Two kinds have the same subject, or the same topic.
    SameName {
        /// The subject or the topic.
        name: String,
        /// The two kinds.
        kinds: [String; 2],
    },
    /// Two names are one in Kafka's metrics.
    SameInMetrics {
        /// The two names.
        names: [String; 2],
    },
    /// A pair of the code that the list lacks.
    NotInList(Pair),
    /// A pair of the list that the code lacks.
    NotInCode(Pair),
    /// The list and the code have the same pairs, but not line for line.
    OutOfOrder,
    /// A kind had another subject, or another topic.
    Changed {
        /// The pair that was promised.
        was: Pair,
        /// The one that the kind has now.
        now: String,
        /// Where the promise stands.
        promised_in: String,
    },
    /// A kind is gone.
    Removed {
        /// The pair that was promised.
        was: Pair,
        /// Where the promise stands.
        promised_in: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPair { line, text } => {
                write!(f, "line {line} of the list is not `kind<TAB>name`: {text:?}")
            }
            Self::IllFormed { name, fault } => write!(f, "ill-formed name {name:?}: {fault}"),
            Self::SameKind { kind } => write!(f, "collision: two kinds are written `{kind}`"),
            Self::SameName {
                name,
                kinds: [one, other],
            } => {
                write!(f, "collision: `{one}` and `{other}` both have the name `{name}`")
            }
            Self::SameInMetrics { names: [one, other] } => {
                write!(
                    f,
                    "collision: `{one}` and `{other}` are the same name in Kafka's metrics"
                )
            }
            Self::NotInList(Pair { kind, name }) => write!(
                f,
                "the list lacks `{kind}` with `{name}`: if it is new, run `cargo xtask subjects --bless`"
            ),
            Self::NotInCode(Pair { kind, name }) => {
                write!(f, "the code lacks `{kind}` with `{name}`, which the list has")
            }
            Self::OutOfOrder => f.write_str(
                "the list has the pairs of the code, but not each once and in its order: \
                 run `cargo xtask subjects --bless`",
            ),
            Self::Changed { was, now, promised_in } => write!(
                f,
                "changed: `{}` has the name `{}` in {promised_in} and `{now}` now; a name never changes",
                was.kind, was.name
            ),
            Self::Removed { was, promised_in } => write!(
                f,
                "removed: `{}` with `{}` is in {promised_in} and is gone now; a name is never removed",
                was.kind, was.name
            ),
        }
    }
}

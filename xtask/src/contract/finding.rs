//! The findings of the gate.

use std::fmt;

use super::{Line, List, breakage};

/// A reason for the gate to fail. Its text is one line, with who breaks and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The line of the list is not `key<TAB>promise`.
    NotALine {
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
    /// Two names are equal, or too similar.
    Collision(String),
    /// The list lacks this line of the code.
    NotInList(Line),
    /// The code lacks this line of the list.
    NotInCode(Line),
    /// The list has the lines of the code, but in another order or more than once.
    OutOfOrder,
    /// The promise is another one now.
    Changed {
        /// The list.
        list: List,
        /// The promise.
        was: Line,
        /// The code's value.
        now: String,
        /// The commit, release or list that has the promise.
        promised_in: String,
    },
    /// The promise is gone.
    Removed {
        /// The list.
        list: List,
        /// The promise.
        was: Line,
        /// The commit, release or list that has the promise.
        promised_in: String,
    },
    /// A field was added that breaks readers or changes the bytes of existing events.
    BreakingField(Line),
    /// The changelog does not name an addition.
    NotInChangelog(Line),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotALine { line, text } => write!(f, "line {line} of the list is not `key<TAB>promise`: {text:?}"),
            Self::Malformed { name, fault } => write!(f, "malformed name {name:?}: {fault}"),
            Self::Collision(text) => write!(f, "collision: {text}"),
            Self::NotInList(Line { key, value }) => {
                write!(
                    f,
                    "the list lacks `{key}` with `{value}`: to add it, run `cargo xtask contract --bless`"
                )
            }
            Self::NotInCode(Line { key, value }) => {
                write!(f, "the code lacks `{key}` with `{value}`, which is in the list")
            }
            Self::OutOfOrder => f.write_str(
                "the list has other lines or another order than the code: run `cargo xtask contract --bless`",
            ),
            Self::Changed {
                list,
                was: was @ Line { key, value },
                now,
                promised_in,
            } => {
                let breakage = breakage::of_change(*list, was, now);
                write!(
                    f,
                    "changed: `{key}` was `{value}` in {promised_in}, and is `{now}` now: {breakage}"
                )
            }
            Self::Removed {
                list,
                was: was @ Line { key, value },
                promised_in,
            } => {
                let breakage = breakage::of_removal(*list, was);
                write!(f, "removed: `{key}` with `{value}` is in {promised_in}: {breakage}")
            }
            Self::BreakingField(Line { key, value }) => {
                let breakage = breakage::of_field(value);
                write!(f, "added: `{key}` with `{value}`: {breakage}")
            }
            Self::NotInChangelog(Line { key, value }) => write!(
                f,
                "the changelog does not name `{key}` ({value}): run `cargo xtask contract --bless`, or add a line with the name"
            ),
        }
    }
}

//! The committed lists of names.

use driver_events_types::{DEFAULT_TOPIC, EventKind};

use super::{Pair, grammar};

/// The kind in the list of topics that means all kinds: it has the topic that they share.
pub const ALL_KINDS: &str = "*";

/// A list: one line `kind<TAB>name` for each kind, in the code's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Each kind with its subject.
    Subjects,
    /// All kinds with their common topic, then each kind with its own topic.
    Topics,
}

impl List {
    /// All lists.
    pub const ALL: [Self; 2] = [Self::Subjects, Self::Topics];

    /// Returns the path from the workspace's root. The gate searches the history for this path, so a list never moves.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Subjects => "crates/driver-events-types/subjects.txt",
            Self::Topics => "crates/driver-events-types/topics.txt",
        }
    }

    /// Returns the pairs of the types crate that this program was built with.
    #[must_use]
    pub fn of_code(self) -> Vec<Pair> {
        let pairs = |name: fn(EventKind) -> &'static str| {
            let pairs = EventKind::ALL
                .iter()
                .map(move |kind| Pair::new(kind.as_str(), name(*kind)));
            pairs.collect::<Vec<_>>()
        };
        match self {
            Self::Subjects => pairs(EventKind::subject),
            Self::Topics => {
                let mut topics = vec![Pair::new(ALL_KINDS, DEFAULT_TOPIC)];
                topics.extend(pairs(EventKind::topic));
                topics
            }
        }
    }

    /// Returns the rule that the kind of a pair violates.
    pub(super) fn kind_fault(self, kind: &str) -> Option<&'static str> {
        match self {
            Self::Topics if kind == ALL_KINDS => None,
            _ => grammar::kind_fault(kind),
        }
    }

    /// Returns the rules that the name of a pair violates.
    pub(super) fn name_faults(self, name: &str) -> Vec<&'static str> {
        let faults = match self {
            Self::Subjects => vec![
                grammar::nats_fault(name),
                grammar::kafka_fault(name),
                grammar::subject_fault(name),
            ],
            Self::Topics => vec![grammar::kafka_fault(name), grammar::topic_fault(name)],
        };
        faults.into_iter().flatten().collect()
    }
}

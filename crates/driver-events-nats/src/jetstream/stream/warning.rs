use std::fmt;
use std::time::Duration;

/// A setting of a stream that works, but that its operator should know about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamWarning {
    /// The stream deletes events that reach `max_age`.
    DeletesByAge {
        /// Maximum age of events.
        max_age: Duration,
    },
    /// A full stream deletes its oldest events (`discard: old`). With `discard: new` it refuses new events with an error.
    DiscardsOld,
    /// The stream deletes events that consumers have acked: its retention is not `limits`.
    DeletesAcked,
    /// Events are stored in memory, and lost when the servers stop.
    InMemory,
    /// The stream captures the kinds that this version knows, but not all subjects below the wildcard: it will refuse
    /// newer kinds.
    MissesUnknownKinds {
        /// Subject that the stream should capture.
        wildcard: String,
    },
    /// A stream that is read has messages, but none on the subjects of events, such as with a wrong prefix. Events may be
    /// yet to come.
    HasNoEvents {
        /// Subjects of the events.
        wildcard: String,
    },
    /// The stream has fewer replicas than requested.
    FewerReplicas {
        /// Actual number of replicas.
        found: usize,
        /// Requested number of replicas.
        wanted: usize,
    },
    /// The duplicate window is shorter than requested.
    ShorterDuplicateWindow {
        /// Actual duplicate window.
        found: Duration,
        /// Requested duplicate window.
        wanted: Duration,
    },
}

impl fmt::Display for StreamWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeletesByAge { max_age } => write!(f, "events are deleted after {max_age:?} (`max_age`)"),
            Self::DiscardsOld => f.write_str("a full stream deletes its oldest events (`discard: old`)"),
            Self::DeletesAcked => f.write_str("events are deleted when consumers have acked them (`retention`)"),
            Self::InMemory => f.write_str("events are stored in memory only (`storage`)"),
            Self::MissesUnknownKinds { wildcard } => {
                write!(
                    f,
                    "events of kinds unknown to this version are refused: add `{wildcard}` to the subjects"
                )
            }
            Self::HasNoEvents { wildcard } => {
                write!(
                    f,
                    "the stream has messages, but none on `{wildcard}`: correct the prefix, unless events are yet to come"
                )
            }
            Self::FewerReplicas { found, wanted } => write!(f, "{found} replicas, expected {wanted}"),
            Self::ShorterDuplicateWindow { found, wanted } => {
                write!(f, "duplicate window of {found:?}, expected {wanted:?}")
            }
        }
    }
}

use std::fmt;
use std::time::Duration;

/// Something about a stream that works, and that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamWarning {
    /// Events are deleted when they are so old.
    ForgetsByAge {
        /// The age.
        max_age: Duration,
    },
    /// The oldest events are deleted when the stream is full: `discard: old` with a limit. With `discard: new` a full
    /// stream refuses new events, which publishers are told.
    DiscardsOld,
    /// Events are deleted once consumers have acknowledged them: the retention is not `limits`.
    ForgetsWhatWasRead,
    /// Events are held in memory only, and lost when the servers that have them stop.
    InMemory,
    /// The stream takes the kinds that this version knows, and not all subjects below: newer kinds will be refused.
    MissesUnknownKinds {
        /// What the stream should take.
        wildcard: String,
    },
    /// Fewer servers keep the events than was asked for.
    FewerReplicas {
        /// How many do.
        found: usize,
        /// How many were asked for.
        wanted: usize,
    },
    /// The stream tells duplicates for a shorter time than was asked for.
    ShorterDuplicateWindow {
        /// The time.
        found: Duration,
        /// What was asked for.
        wanted: Duration,
    },
}

impl fmt::Display for StreamWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForgetsByAge { max_age } => write!(f, "events are deleted when they are {max_age:?} old"),
            Self::DiscardsOld => f.write_str("the oldest events are deleted when the stream is full (discard: old)"),
            Self::ForgetsWhatWasRead => {
                f.write_str("events are deleted once consumers have acknowledged them (retention)")
            }
            Self::InMemory => f.write_str("events are held in memory only (storage)"),
            Self::MissesUnknownKinds { wildcard } => {
                write!(
                    f,
                    "kinds that are not known yet will be refused: let the stream take {wildcard:?}"
                )
            }
            Self::FewerReplicas { found, wanted } => {
                write!(f, "the events have {found} replicas, and not {wanted}")
            }
            Self::ShorterDuplicateWindow { found, wanted } => {
                write!(f, "duplicates are told for {found:?}, and not for {wanted:?}")
            }
        }
    }
}

use std::fmt;
use std::sync::Arc;

/// Location of a delivery in its source.
///
/// Displayed as `NAME:LINE`, `SUBJECT#NUMBER`, `STREAM#SEQUENCE` or `TOPIC[PARTITION]#OFFSET`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Position {
    /// Line of text.
    Line {
        /// Name of the file, or `-` for standard input.
        name: Arc<str>,
        /// Line number, from 1.
        line: u64,
        /// Byte offset of the delivery in the text, from 0.
        offset: u64,
    },
    /// Message of a subscription without storage, such as core NATS.
    Subject {
        /// Subject of the message.
        subject: Arc<str>,
        /// Number of the message in the subscription, from 1. Dropped messages are counted too.
        number: u64,
    },
    /// Message of a stream.
    Stream {
        /// Name of the stream.
        stream: Arc<str>,
        /// Sequence in the stream.
        sequence: u64,
    },
    /// Record of a partition of a topic.
    Partition {
        /// Name of the topic.
        topic: Arc<str>,
        /// Number of the partition.
        partition: i32,
        /// Offset in the partition.
        offset: u64,
    },
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { name, line, .. } => write!(f, "{name}:{line}"),
            Self::Subject { subject, number } => write!(f, "{subject}#{number}"),
            Self::Stream { stream, sequence } => write!(f, "{stream}#{sequence}"),
            Self::Partition {
                topic,
                partition,
                offset,
            } => write!(f, "{topic}[{partition}]#{offset}"),
        }
    }
}

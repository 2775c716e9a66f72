use std::fmt;
use std::sync::Arc;

/// How far an event got when [`send`](crate::DriverEventSink::send) returned `Ok`.
///
/// Each variant promises only what it states: a [`Buffered`](Self::Buffered) event is lost if the process dies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Receipt {
    /// Dropped on purpose, by a no-op sink or by a filter that does not select the event.
    Discarded,
    /// In this process's memory, for example in the queue of a client library. Call [`flush`](crate::DriverEventSink::flush) to wait until it has gone further.
    Buffered,
    /// Handed to the operating system, or to a peer that does not acknowledge.
    Written,
    /// On this machine's disk, for later delivery even if the process dies.
    Spooled,
    /// Acknowledged by a broker.
    Stored(Stored),
}

impl Receipt {
    /// Returns the guarantee of this receipt, without its details. Use it to compare receipts.
    #[must_use]
    pub fn guarantee(&self) -> Guarantee {
        match self {
            Self::Discarded => Guarantee::None,
            Self::Buffered => Guarantee::Buffered,
            Self::Written => Guarantee::Written,
            Self::Spooled => Guarantee::Spooled,
            Self::Stored(_) => Guarantee::Stored,
        }
    }
}

/// Location of an event in a broker's stream or topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// Name of the stream or topic.
    pub log: Arc<str>,
    /// Partition of the topic. `None` for a stream, which has no partitions.
    pub partition: Option<i32>,
    /// Sequence in the stream, or offset in the partition.
    pub offset: u64,
    /// `true` if the broker already had an event with this id and kept only that copy. The event is stored once.
    pub duplicate: bool,
}

/// Minimum that `Ok` of [`send`](crate::DriverEventSink::send) promises, ordered from weakest to strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Guarantee {
    /// Nothing: the event may have been dropped on purpose.
    None,
    /// The event is in this process's memory.
    Buffered,
    /// The event was handed to the operating system, or to a peer that does not acknowledge.
    Written,
    /// The event is on this machine's disk.
    Spooled,
    /// A broker acknowledged the event.
    Stored,
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Buffered => "buffered",
            Self::Written => "written",
            Self::Spooled => "spooled",
            Self::Stored => "stored",
        })
    }
}

use std::fmt;
use std::sync::Arc;

/// How far an event has come when [`send`](crate::DriverEventSink::send) returns `Ok`.
///
/// Every level implies no more than it says: an event that is [`Buffered`](Self::Buffered) is lost with the process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Receipt {
    /// Dropped on purpose: by a no-op sink, or by a filter that did not select it.
    Discarded,
    /// In this process's memory. Call [`flush`](crate::DriverEventSink::flush) to learn that it went further.
    Buffered,
    /// Handed to the operating system, or to a peer that does not acknowledge.
    Written,
    /// On this machine's disk, to be delivered later even if the process dies.
    Spooled,
    /// Acknowledged by a broker.
    Stored(Stored),
}

impl Receipt {
    /// The promise that this receipt stands for, without its details. Receipts are compared by it.
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

/// Where a broker stored an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The stream or the topic.
    pub log: Arc<str>,
    /// The partition, where the log has any.
    pub partition: Option<i32>,
    /// The sequence in the stream, or the offset in the partition.
    pub offset: u64,
    /// The broker had this id already and kept the first copy. That is success: the event is stored once.
    pub duplicate: bool,
}

/// The least that `Ok` of [`send`](crate::DriverEventSink::send) promises, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Guarantee {
    /// Nothing: the event may have been dropped on purpose.
    None,
    /// It is in this process's memory.
    Buffered,
    /// It was handed to the operating system, or to a peer that does not acknowledge.
    Written,
    /// It is on this machine's disk.
    Spooled,
    /// A broker acknowledged it.
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

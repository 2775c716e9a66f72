use crate::envelope::Envelope;
use crate::sink::sink_error::SinkError;

/// What a [`Buffered`](crate::Buffered) sink does with an event for which it has no room.
///
/// Terminal events (`goal_completed`, `escalate`, `budget_exhausted`) are kept while others can go: one that arrives takes
/// the place of events of other kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFull {
    /// The caller waits for room. Nothing is dropped, and a broker that is down stops the caller once the buffer is full.
    Wait,
    /// The new event is dropped: `send` fails with [`Full`](crate::SinkErrorKind::Full). A terminal event evicts the
    /// newest of the others.
    DropNewest,
    /// The oldest events that are not terminal are dropped, and the new event is accepted. If all events in the buffer are
    /// terminal, a new one that is not fails with [`Full`](crate::SinkErrorKind::Full), and one that is evicts the oldest.
    DropOldest,
}

/// An event that a [`Buffered`](crate::Buffered) sink lost, and why.
#[derive(Debug)]
pub struct DroppedEvent<'a> {
    /// The event.
    pub envelope: &'a Envelope,
    /// Why it was dropped.
    pub reason: DropReason<'a>,
}

/// Function that is called with each dropped event.
pub(super) type OnDrop = dyn Fn(DroppedEvent<'_>) + Send + Sync;

/// Why a [`Buffered`](crate::Buffered) sink dropped an event.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum DropReason<'a> {
    /// The buffer was full.
    Full,
    /// The inner sink failed. It may have delivered the event if the [fate](SinkError::fate) is
    /// [`Unknown`](crate::Fate::Unknown).
    Failed(&'a SinkError),
    /// The sink was closed, or the runtime ended, before the event was delivered. The inner sink may have it.
    Closed,
}

impl DropReason<'_> {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Failed(_) => "failed",
            Self::Closed => "closed",
        }
    }
}

use std::path::PathBuf;
use std::time::Duration;

/// State of a spool, from [`SpooledSink::health`](crate::SpooledSink::health).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Bytes in use in the database file, the undelivered events and those that [`Retention`](crate::Retention) keeps. The
    /// write-ahead log beside it is not counted.
    pub bytes: u64,
    /// Value of [`max_bytes`](crate::SpoolBuilder::max_bytes).
    pub max_bytes: u64,
    /// Events accepted since the spool was opened.
    pub accepted: u64,
    /// Events refused with [`Full`](driver_events_core::SinkErrorKind::Full) since the spool was opened.
    pub refused: u64,
    /// Damaged files that were set aside since the spool was opened, and when it was opened. They hold events that were not
    /// delivered.
    pub set_aside: Vec<PathBuf>,
    /// The targets, in the order of the builder.
    pub targets: Vec<TargetHealth>,
}

/// State of the delivery to one target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetHealth {
    /// Name given to [`deliver_to`](crate::SpoolBuilder::deliver_to).
    pub name: String,
    /// State of the delivery.
    pub state: TargetState,
    /// Number of events that the target does not have yet.
    pub depth: u64,
    /// Time since the oldest of them was spooled. `None` without one.
    pub oldest_age: Option<Duration>,
    /// Events delivered to the target since the file was created.
    pub delivered: u64,
    /// Events that the target can never have, since the file was created: they are dead letters.
    pub dead: u64,
    /// Last error, with its causes. Kept after the target has recovered: see [`state`](Self::state).
    pub last_error: Option<String>,
}

/// State of the delivery to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TargetState {
    /// Events are delivered as they come.
    Delivering,
    /// The target fails. Every attempt is repeated with backoff, for ever.
    Retrying,
    /// The target fails until an operator acts: a permission is missing, or the sink is finished. Attempts go on with backoff,
    /// and delivery resumes once the cause is removed.
    Stopped,
}

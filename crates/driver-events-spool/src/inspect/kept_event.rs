use std::time::SystemTime;

use driver_events_core::Envelope;

/// An event in the file of a spool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeptEvent {
    /// Position in the file, from 1.
    pub position: u64,
    /// When the event was spooled.
    pub spooled_at: SystemTime,
    /// The event, or why its row is not what was written.
    pub event: Result<Envelope, String>,
    /// Names of the targets that do not have it yet. Empty for an event that the retention keeps.
    pub missing_at: Vec<String>,
}

/// An event that a target can never have.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Number of the dead letter in the file, from 1.
    pub number: u64,
    /// Name of the target.
    pub target: String,
    /// Name of the error's kind, such as `rejected`, or `damaged`.
    pub error: String,
    /// The error, with its causes.
    pub reason: String,
    /// When the event was spooled.
    pub spooled_at: SystemTime,
    /// When the target refused it.
    pub died_at: SystemTime,
    /// The event, or why its row is not what was written.
    pub event: Result<Envelope, String>,
}

/// Converts what the file contains to a position or number.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

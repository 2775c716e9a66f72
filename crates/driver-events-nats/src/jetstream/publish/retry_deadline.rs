use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;

/// Retry deadline of the events of one `send` or `send_batch`: `retry_timeout` after the event's first attempt, and no
/// later than `retry_timeout` after the stream last stored an event of the call.
#[derive(Debug)]
pub(super) struct RetryDeadline {
    retry_timeout: Duration,
    last_progress: Mutex<Instant>,
}

impl RetryDeadline {
    pub(super) fn new(retry_timeout: Duration) -> Self {
        Self {
            retry_timeout,
            last_progress: Mutex::new(Instant::now()),
        }
    }

    /// Returns the deadline of an event that was first attempted at `first_attempt`.
    pub(super) fn of(&self, first_attempt: Instant) -> Instant {
        let last_progress = *lock(&self.last_progress);
        first_attempt.min(last_progress) + self.retry_timeout
    }

    /// Records that the stream stored an event.
    pub(super) fn record_progress(&self) {
        *lock(&self.last_progress) = Instant::now();
    }
}

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// For how long events are tried that were given to a sink together: each for so long after its first try, and all of
/// them for so long after the stream last took one.
#[derive(Debug)]
pub(super) struct Patience {
    horizon: Duration,
    last_progress: Mutex<Instant>,
}

impl Patience {
    pub(super) fn new(horizon: Duration) -> Self {
        Self {
            horizon,
            last_progress: Mutex::new(Instant::now()),
        }
    }

    /// When to give up an event that was first tried then.
    pub(super) fn deadline(&self, first_try: Instant) -> Instant {
        let last_progress = *self.last_progress.lock().unwrap_or_else(PoisonError::into_inner);
        first_try.min(last_progress) + self.horizon
    }

    /// Takes note that the stream took an event.
    pub(super) fn progress(&self) {
        *self.last_progress.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

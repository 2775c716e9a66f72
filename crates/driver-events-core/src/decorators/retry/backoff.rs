use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::sink::sink_error::SinkError;

/// Delays between attempts: exponential, with full jitter.
///
/// The delay before attempt *n* + 1 is a random time between zero and `min × 2ⁿ⁻¹`, at most `max`. Random delays keep many
/// processes from retrying at the same moments
/// ([AWS: exponential backoff and jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    deadline: Option<Duration>,
}

impl Backoff {
    /// Creates delays of up to `min` after the first failure and up to `max` after many, without a deadline.
    #[must_use]
    pub fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max: max.max(min),
            deadline: None,
        }
    }

    /// Gives up after this time without a success, counted from the first failure. Default: retries for ever.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Returns a random delay before the next attempt, after this number of failures in a row.
    #[must_use]
    pub fn delay(&self, failures: u32) -> Duration {
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.min.saturating_mul(factor).min(self.max).mul_f64(fastrand::f64())
    }
}

/// From 100 ms to 10 s, for ever.
impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(10))
    }
}

/// Failures in a row of one call.
#[derive(Debug)]
pub(super) struct Failures {
    backoff: Backoff,
    in_a_row: u32,
    first: Option<Instant>,
}

impl Failures {
    pub(super) fn none(backoff: Backoff) -> Self {
        Self {
            backoff,
            in_a_row: 0,
            first: None,
        }
    }

    /// Records progress.
    pub(super) fn reset(&mut self) {
        *self = Self::none(self.backoff);
    }

    /// Records a failure, and waits for the backoff. Returns `false` if the deadline has passed.
    pub(super) async fn wait(&mut self) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let elapsed = self.first.get_or_insert_with(Instant::now).elapsed();
        let remaining = match self.backoff.deadline {
            Some(deadline) if elapsed >= deadline => return false,
            Some(deadline) => deadline - elapsed,
            None => Duration::MAX,
        };
        // The last attempt is made at the deadline.
        sleep(self.backoff.delay(self.in_a_row).min(remaining)).await;
        true
    }

    /// Returns the error with the number of attempts and their time.
    pub(super) fn given_up(&self, error: SinkError) -> SinkError {
        let elapsed = self.first.map(|first| first.elapsed()).unwrap_or_default();
        let message = format!("gave up after {} attempts in {elapsed:.1?}: {error}", self.in_a_row);
        SinkError::new(error.kind(), message)
            .with_fate(error.fate())
            .with_source(error)
    }
}

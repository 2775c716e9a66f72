//! Waits for space in the producer's queue.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::{Instant, timeout, timeout_at};

/// Longest time between two attempts to queue a record.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);
/// Delivery reports between two attempts: a queue with space for one record would be full again at once.
const REPORTS_PER_RETRY: usize = 64;

/// The callers that wait for space in the queue.
///
/// Only the holder of the permit retries, so the queue is tried a few hundred times a second, however many callers wait.
#[derive(Debug, Default)]
pub(super) struct QueueFull {
    permit: Mutex<()>,
    reports: AtomicUsize,
    reports_arrived: Notify,
}

/// The right to retry.
#[derive(Debug)]
pub(super) struct RetryPermit<'a> {
    queue: &'a QueueFull,
    _guard: MutexGuard<'a, ()>,
}

impl QueueFull {
    /// Waits until all earlier callers have queued their records; `None` if the deadline passes first. Cancel safe.
    pub(super) async fn acquire(&self, deadline: Option<Instant>) -> Option<RetryPermit<'_>> {
        let guard = match deadline {
            Some(deadline) => timeout_at(deadline, self.permit.lock()).await.ok()?,
            None => self.permit.lock().await,
        };
        Some(RetryPermit {
            queue: self,
            _guard: guard,
        })
    }

    /// Returns how many delivery reports have been counted.
    pub(super) fn reports(&self) -> usize {
        self.reports.load(Ordering::Relaxed)
    }

    /// Counts a delivery report: its record has left the queue.
    pub(super) fn reported(&self) {
        if self
            .reports
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(REPORTS_PER_RETRY)
        {
            self.reports_arrived.notify_one();
        }
    }
}

impl RetryPermit<'_> {
    /// Waits for [`REPORTS_PER_RETRY`] delivery reports, at most [`RETRY_INTERVAL`]. librdkafka frees the space of a
    /// record only after its delivery callback has returned.
    pub(super) async fn wait(&self) {
        let _ = timeout(RETRY_INTERVAL, self.queue.reports_arrived.notified()).await;
    }
}

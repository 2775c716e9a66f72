//! Decides who collects a producer's delivery reports: its poll thread, or the callers while they send many events.
//!
//! A report costs less on a thread that sends: it stays in the caches of one core, and is freed where it was allocated.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the poll thread leaves the reports to callers after one has collected. Busy callers collect again sooner. If they
/// stop, their last reports wait for this long.
const LEASE: Duration = Duration::from_micros(250);
/// How long after a lease the poll thread is ready for the next one: longer than between two batches without a pause. It wakes
/// often meanwhile.
const READY: Duration = Duration::from_millis(10);

/// The right of the callers to collect the reports.
#[derive(Debug)]
pub(super) struct ReportLease {
    created: Instant,
    /// Microseconds after `created`; 0 before the first lease.
    end: AtomicU64,
}

/// Who collects the reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collector {
    /// The callers, for at least this time.
    Callers(Duration),
    /// The poll thread, which soon looks whether callers collect again.
    ReadyPollThread,
    /// The poll thread: no caller has collected recently.
    PollThread,
}

impl Default for ReportLease {
    fn default() -> Self {
        Self {
            created: Instant::now(),
            end: AtomicU64::new(0),
        }
    }
}

impl ReportLease {
    /// Begins or extends the lease. The caller collects now.
    pub(super) fn renew(&self) {
        self.end
            .store(micros(self.created.elapsed() + LEASE), Ordering::Relaxed);
    }

    pub(super) fn collector(&self) -> Collector {
        self.collector_after(self.created.elapsed())
    }

    fn collector_after(&self, elapsed: Duration) -> Collector {
        let end = match self.end.load(Ordering::Relaxed) {
            0 => return Collector::PollThread,
            end => Duration::from_micros(end),
        };
        match end.checked_sub(elapsed) {
            Some(left) => Collector::Callers(left),
            None if elapsed < end + READY => Collector::ReadyPollThread,
            None => Collector::PollThread,
        }
    }
}

/// A longer time than 500,000 years is cut.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_thread_collects_again_after_a_lease() {
        let lease = ReportLease::default();
        assert_eq!(lease.collector(), Collector::PollThread);
        let start = lease.created.elapsed();
        lease.renew();
        let end = lease.created.elapsed() + LEASE;
        assert!(
            matches!(lease.collector_after(start), Collector::Callers(left) if left >= LEASE - Duration::from_micros(1))
        );
        assert_eq!(lease.collector_after(end), Collector::ReadyPollThread);
        assert_eq!(lease.collector_after(end + READY), Collector::PollThread);
        lease.renew();
        assert!(matches!(lease.collector_after(start), Collector::Callers(_)));
    }
}

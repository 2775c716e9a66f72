use std::sync::Mutex;

use crate::lock::lock;

/// Counts events that the client has and that no flush has confirmed.
///
/// Events sent in one connection epoch and not confirmed when the next epoch begins may be lost: the client does not
/// report them.
#[derive(Debug, Default)]
pub(super) struct Unflushed {
    entries: Mutex<Entries>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entries {
    /// Latest epoch with an event.
    epoch: u64,
    /// Unconfirmed events of that epoch.
    unconfirmed: u64,
    /// Unconfirmed events of earlier epochs, not yet reported.
    at_risk: u64,
    /// Total of the events reported as at risk.
    reported: u64,
}

/// Events that a barrier confirms if its reply arrives in the same epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub(super) epoch: u64,
    unconfirmed: u64,
}

impl Unflushed {
    /// Records an event that the client accepted. `epoch` was read before the event was passed to the client.
    pub(super) fn record(&self, epoch: u64) {
        let mut entries = lock(&self.entries);
        if epoch < entries.epoch {
            entries.at_risk += 1;
            return;
        }
        entries.move_to(epoch);
        entries.unconfirmed += 1;
    }

    /// Returns the events that a barrier must confirm, or `None` if all are confirmed.
    pub(super) fn interval(&self) -> Option<Interval> {
        let entries = lock(&self.entries);
        (entries.unconfirmed + entries.at_risk > 0).then_some(Interval {
            epoch: entries.epoch,
            unconfirmed: entries.unconfirmed,
        })
    }

    /// Records the reply to a barrier in `epoch`. `interval` was read before the barrier was sent; barriers are sequential.
    /// Events at risk count as reported from now on.
    pub(super) fn confirm(&self, interval: Interval, epoch: u64) {
        let mut entries = lock(&self.entries);
        if epoch != interval.epoch {
            entries.move_to(epoch);
        } else if entries.epoch == epoch {
            entries.unconfirmed -= interval.unconfirmed;
        } else {
            entries.at_risk -= interval.unconfirmed;
        }
        entries.reported += std::mem::take(&mut entries.at_risk);
    }

    /// Returns the total number of events reported as at risk.
    pub(super) fn reported(&self) -> u64 {
        lock(&self.entries).reported
    }
}

impl Entries {
    fn move_to(&mut self, epoch: u64) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.at_risk += std::mem::take(&mut self.unconfirmed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unflushed;

    fn record(unflushed: &Unflushed, epoch: u64, events: u64) {
        for _ in 0..events {
            unflushed.record(epoch);
        }
    }

    #[test]
    fn a_barrier_confirms_earlier_events_of_its_epoch() {
        let unflushed = Unflushed::default();
        assert!(unflushed.interval().is_none());
        record(&unflushed, 1, 5);
        let interval = unflushed.interval().unwrap();
        record(&unflushed, 1, 1);
        unflushed.confirm(interval, 1);
        assert_eq!(unflushed.reported(), 0);
        let rest = unflushed.interval().unwrap();
        unflushed.confirm(rest, 1);
        assert!(unflushed.interval().is_none());
        assert_eq!(unflushed.reported(), 0);
    }

    #[test]
    fn a_new_epoch_puts_unconfirmed_events_at_risk() {
        let unflushed = Unflushed::default();
        record(&unflushed, 1, 4);
        let interval = unflushed.interval().unwrap();
        unflushed.confirm(interval, 2);
        assert_eq!(unflushed.reported(), 4);
        assert!(unflushed.interval().is_none(), "reported once");

        record(&unflushed, 2, 1);
        record(&unflushed, 3, 5);
        // Two senders read the epoch before it changed.
        record(&unflushed, 2, 2);
        let interval = unflushed.interval().unwrap();
        unflushed.confirm(interval, 3);
        assert_eq!(unflushed.reported(), 4 + 3);
        assert!(unflushed.interval().is_none());
    }

    #[test]
    fn confirmed_events_are_not_at_risk_after_a_new_epoch() {
        let unflushed = Unflushed::default();
        record(&unflushed, 1, 4);
        let interval = unflushed.interval().unwrap();
        record(&unflushed, 1, 2);
        record(&unflushed, 2, 1);
        unflushed.confirm(interval, 1);
        assert_eq!(unflushed.reported(), 2);
        let rest = unflushed.interval().unwrap();
        unflushed.confirm(rest, 2);
        assert_eq!(unflushed.reported(), 2);
        assert!(unflushed.interval().is_none());
    }
}

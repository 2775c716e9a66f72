use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was handed to the client, and what the server is known to have.
///
/// Connections are told apart by their number, from 1. What was sent on one connection and is not confirmed when
/// another is made may be lost: the client does not know it, and says nothing.
#[derive(Debug, Default)]
pub(super) struct Unflushed {
    entries: Mutex<Entries>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entries {
    /// The latest connection for which an event was entered.
    epoch: u64,
    /// Events of that connection that no barrier has confirmed.
    unconfirmed: u64,
    /// Events of earlier connections that no barrier has confirmed, and that nobody was told of.
    at_risk: u64,
    /// Events that somebody was told are at risk, ever.
    told: u64,
}

/// What a barrier confirms when it is passed on the same connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub(super) epoch: u64,
    unconfirmed: u64,
}

impl Unflushed {
    /// Enters an event that the client took. `connection` is what its number was before the client was asked.
    pub(super) fn enter(&self, epoch: u64) {
        let mut entries = self.entries();
        if epoch < entries.epoch {
            entries.at_risk += 1;
            return;
        }
        entries.move_to(epoch);
        entries.unconfirmed += 1;
    }

    /// What a barrier has to confirm; none where all is confirmed.
    pub(super) fn interval(&self) -> Option<Interval> {
        let entries = self.entries();
        (entries.unconfirmed + entries.at_risk > 0).then_some(Interval {
            epoch: entries.epoch,
            unconfirmed: entries.unconfirmed,
        })
    }

    /// Takes note that a barrier was passed on a connection, for which the interval was asked before. One barrier at a
    /// time. What is at risk from now on counts as told.
    pub(super) fn settle(&self, interval: Interval, epoch: u64) {
        let mut entries = self.entries();
        if epoch != interval.epoch {
            entries.move_to(epoch);
        } else if entries.epoch == epoch {
            entries.unconfirmed -= interval.unconfirmed;
        } else {
            entries.at_risk -= interval.unconfirmed;
        }
        entries.told += std::mem::take(&mut entries.at_risk);
    }

    /// How many events somebody was told are at risk, ever.
    pub(super) fn told(&self) -> u64 {
        self.entries().told
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Nothing panics while it holds the lock.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn enter(unflushed: &Unflushed, epoch: u64, events: u64) {
        for _ in 0..events {
            unflushed.enter(epoch);
        }
    }

    #[test]
    fn one_connection_confirms_what_was_entered_before() {
        let unflushed = Unflushed::default();
        assert!(unflushed.interval().is_none());
        enter(&unflushed, 1, 5);
        let interval = unflushed.interval().unwrap();
        enter(&unflushed, 1, 1);
        unflushed.settle(interval, 1);
        assert_eq!(unflushed.told(), 0);
        let rest = unflushed.interval().unwrap();
        unflushed.settle(rest, 1);
        assert!(unflushed.interval().is_none());
        assert_eq!(unflushed.told(), 0);
    }

    #[test]
    fn a_new_connection_puts_at_risk_what_was_entered_before() {
        let unflushed = Unflushed::default();
        enter(&unflushed, 1, 4);
        let interval = unflushed.interval().unwrap();
        unflushed.settle(interval, 2);
        assert_eq!(unflushed.told(), 4);
        assert!(unflushed.interval().is_none(), "it is told once");

        enter(&unflushed, 2, 1);
        enter(&unflushed, 3, 5);
        // Two that asked for the number of the connection before it changed.
        enter(&unflushed, 2, 2);
        let interval = unflushed.interval().unwrap();
        unflushed.settle(interval, 3);
        assert_eq!(unflushed.told(), 4 + 3);
        assert!(unflushed.interval().is_none());
    }

    #[test]
    fn what_a_barrier_confirmed_is_not_at_risk_when_the_connection_changes_behind_it() {
        let unflushed = Unflushed::default();
        enter(&unflushed, 1, 4);
        let interval = unflushed.interval().unwrap();
        enter(&unflushed, 1, 2);
        enter(&unflushed, 2, 1);
        unflushed.settle(interval, 1);
        assert_eq!(unflushed.told(), 2);
        let rest = unflushed.interval().unwrap();
        unflushed.settle(rest, 2);
        assert_eq!(unflushed.told(), 2);
        assert!(unflushed.interval().is_none());
    }
}

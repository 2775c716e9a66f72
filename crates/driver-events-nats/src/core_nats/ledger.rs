use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was handed to the client, and what the server is known to have.
///
/// Connections are told apart by their number, from 1. What was sent on one connection and is not confirmed when
/// another is made may be lost: the client does not know it, and says nothing.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Mutex<Entries>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entries {
    /// The latest connection for which an event was entered.
    connection: u64,
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
    pub(super) connection: u64,
    unconfirmed: u64,
}

impl Ledger {
    /// Enters an event that the client took. `connection` is what its number was before the client was asked.
    pub(super) fn enter(&self, connection: u64) {
        let mut entries = self.entries();
        if connection < entries.connection {
            entries.at_risk += 1;
            return;
        }
        entries.move_to(connection);
        entries.unconfirmed += 1;
    }

    /// What a barrier has to confirm; none where all is confirmed.
    pub(super) fn interval(&self) -> Option<Interval> {
        let entries = self.entries();
        (entries.unconfirmed + entries.at_risk > 0).then_some(Interval {
            connection: entries.connection,
            unconfirmed: entries.unconfirmed,
        })
    }

    /// Takes note that a barrier was passed on a connection, for which the interval was asked before. One barrier at a
    /// time. What is at risk from now on counts as told.
    pub(super) fn settle(&self, interval: Interval, connection: u64) {
        let mut entries = self.entries();
        if connection != interval.connection {
            entries.move_to(connection);
        } else if entries.connection == connection {
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
    fn move_to(&mut self, connection: u64) {
        if connection > self.connection {
            self.connection = connection;
            self.at_risk += std::mem::take(&mut self.unconfirmed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    fn enter(ledger: &Ledger, connection: u64, events: u64) {
        for _ in 0..events {
            ledger.enter(connection);
        }
    }

    #[test]
    fn one_connection_confirms_what_was_entered_before() {
        let ledger = Ledger::default();
        assert!(ledger.interval().is_none());
        enter(&ledger, 1, 5);
        let interval = ledger.interval().unwrap();
        enter(&ledger, 1, 1);
        ledger.settle(interval, 1);
        assert_eq!(ledger.told(), 0);
        let rest = ledger.interval().unwrap();
        ledger.settle(rest, 1);
        assert!(ledger.interval().is_none());
        assert_eq!(ledger.told(), 0);
    }

    #[test]
    fn a_new_connection_puts_at_risk_what_was_entered_before() {
        let ledger = Ledger::default();
        enter(&ledger, 1, 4);
        let interval = ledger.interval().unwrap();
        ledger.settle(interval, 2);
        assert_eq!(ledger.told(), 4);
        assert!(ledger.interval().is_none(), "it is told once");

        enter(&ledger, 2, 1);
        enter(&ledger, 3, 5);
        // Two that asked for the number of the connection before it changed.
        enter(&ledger, 2, 2);
        let interval = ledger.interval().unwrap();
        ledger.settle(interval, 3);
        assert_eq!(ledger.told(), 4 + 3);
        assert!(ledger.interval().is_none());
    }

    #[test]
    fn what_a_barrier_confirmed_is_not_at_risk_when_the_connection_changes_behind_it() {
        let ledger = Ledger::default();
        enter(&ledger, 1, 4);
        let interval = ledger.interval().unwrap();
        enter(&ledger, 1, 2);
        enter(&ledger, 2, 1);
        ledger.settle(interval, 1);
        assert_eq!(ledger.told(), 2);
        let rest = ledger.interval().unwrap();
        ledger.settle(rest, 2);
        assert_eq!(ledger.told(), 2);
        assert!(ledger.interval().is_none());
    }
}

//! Totals of the ledger.

use std::collections::HashSet;

use super::ledger::{Entry, Ledger};
use crate::row::Row;

/// The only error that a spool may return to a loop: the disk or the spool is full.
const FULL: &str = "Full";

impl Row {
    /// Adds what the driver was told.
    pub(super) fn add_ledger(&mut self, ledger: &Ledger) {
        let mut runs = HashSet::new();
        let mut others = 0;
        for entry in &ledger.entries {
            match entry {
                Entry::Accepted(event) => {
                    runs.insert(event.run);
                    self.acknowledged += 1;
                }
                Entry::Refused(event, kind) => {
                    runs.insert(event.run);
                    self.rejected += 1;
                    self.count_errors(kind, 1);
                    others += u64::from(kind != FULL);
                }
                Entry::State { .. } | Entry::Closed { .. } => {}
            }
        }
        self.runs += runs.len() as u64;
        self.sent = self.acknowledged + self.rejected;
        let closed = closed(ledger);
        self.dead_letters += closed.map_or(0, |(_, dead)| dead);
        self.check(others == 0, || {
            format!("{others} events were refused with another error than `Full`")
        });
        self.check(closed.is_some_and(|(result, _)| result == "ok"), || {
            format!("the last driver did not close: {closed:?}")
        });
    }

    /// Checks that no event is a dead letter and no file was set aside.
    pub(super) fn check_undamaged(&mut self, ledger: &Ledger, set_aside: u64) {
        let dead = closed(ledger).map_or(0, |(_, dead)| dead);
        self.check(dead == 0, || format!("{dead} events are dead letters"));
        self.check(set_aside == 0, || format!("{set_aside} files were set aside"));
    }

    /// Checks that the operator learns of every missing event: it is a dead letter, or in a file that was set aside.
    pub(super) fn check_damage(&mut self, ledger: &Ledger, set_aside: u64, missing: u64) {
        let dead = closed(ledger).map_or(0, |(_, dead)| dead);
        self.check(missing <= dead || set_aside > 0, || {
            format!("{missing} events are missing after damage, of which {dead} are dead letters")
        });
    }
}

/// Returns the last result of a close, and the number of dead letters.
fn closed(ledger: &Ledger) -> Option<(&str, u64)> {
    ledger.entries.iter().rev().find_map(|entry| match entry {
        Entry::Closed { result, dead } => Some((result.as_str(), *dead)),
        _ => None,
    })
}

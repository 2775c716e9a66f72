//! What a scenario came to, over all rounds.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::account::Account;
use crate::event::Event;
use crate::memory;
use crate::verdict::Verdict;

/// By how many KiB a scenario may make this process grow. What is sent and read is noted here too, about 100 bytes for
/// each event.
const MOST_GROWTH: u64 = 96 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) kills: u64,
    pub(crate) cuts: u64,
    pub(crate) others: u64,
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) duplicates: u64,
    pub(crate) verdict: Verdict,
    pub(crate) at_risk: u64,
    pub(crate) possible_duplicates: u64,
    /// How many events readers answered for, and how many of these came more than once.
    pub(crate) read: u64,
    pub(crate) read_again: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) longest: Duration,
    /// In KiB.
    pub(crate) growth: u64,
    /// Nobody could have read what may have been lost.
    pub(crate) is_blind: bool,
    pub(crate) broken: Vec<String>,
}

/// What is done to servers and links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A server is killed with -9, and started again.
    Kill,
    /// The link is reset.
    Cut,
    /// Whatever else.
    Other,
}

impl Row {
    pub(crate) fn did(&mut self, fault: Fault) {
        match fault {
            Fault::Kill => self.kills += 1,
            Fault::Cut => self.cuts += 1,
            Fault::Other => self.others += 1,
        }
    }

    /// Errors told of this so often.
    pub(crate) fn told(&mut self, what: &str, count: u64) {
        if count > 0 {
            *self.errors.entry(what.to_owned()).or_default() += count;
        }
    }

    /// A promise was broken.
    pub(crate) fn breaks(&mut self, what: String) {
        self.broken.push(what);
    }

    pub(crate) fn expect(&mut self, is_kept: bool, promise: impl FnOnce() -> String) {
        if !is_kept {
            self.breaks(promise());
        }
    }

    /// Adds what a round came to. No call may have taken longer than `limit`; `before` is the
    /// [memory](memory::resident) at its begin.
    pub(crate) fn settle(&mut self, account: &Account, read: &[Event], limit: Duration, before: u64) {
        let growth = memory::resident().saturating_sub(before);
        let entries = account.entries();
        let verdict = Verdict::of(&entries, read);
        self.sent += entries.events.len() as u64;
        self.acknowledged += entries.acknowledged;
        self.duplicates += entries.duplicates;
        self.at_risk += entries.at_risk();
        self.possible_duplicates += entries.possible_duplicates();
        for (kind, count) in &entries.errors {
            self.told(&format!("{kind:?}"), *count);
        }
        self.longest = self.longest.max(entries.longest);
        self.growth = self.growth.max(growth);
        self.verdict.add(verdict);
        for (what, count) in [
            ("acknowledged, and lost", verdict.lost),
            ("stored twice, and not counted", verdict.doubled),
            ("out of order", verdict.out_of_order),
            ("stored, and said not to be sent", verdict.unexpected),
        ] {
            self.expect(count == 0, || format!("{count} events were {what}"));
        }
        let is_told = self.is_blind || verdict.untold == 0;
        self.expect(is_told, || {
            format!("{} events are missing, and no flush told so", verdict.untold)
        });
        self.expect(entries.longest <= limit, || {
            format!("a call took {:?}, and has {limit:?}", entries.longest)
        });
        self.expect(growth <= MOST_GROWTH, || format!("the process grew by {growth} KiB"));
    }

    /// The witness may have missed what is not there.
    pub(crate) fn cannot_see_missing(&mut self) {
        self.is_blind = true;
    }
}

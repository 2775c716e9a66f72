//! A line of the table: what a scenario came to, over all rounds.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::account::Account;
use crate::event::Event;
use crate::memory;
use crate::nats::Scenario;
use crate::verdict::Verdict;

/// By how many KiB a scenario may make this process grow. What is sent and read is noted here too, about 100 bytes for
/// each event.
const MOST_GROWTH: u64 = 96 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Row {
    kills: u64,
    cuts: u64,
    others: u64,
    sent: u64,
    acknowledged: u64,
    duplicates: u64,
    verdict: Verdict,
    at_risk: u64,
    errors: BTreeMap<String, u64>,
    longest: Duration,
    growth: u64,
    /// Nobody could have read what may have been lost.
    is_blind: bool,
    broken: Vec<String>,
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
        *self.errors.entry(what.to_owned()).or_default() += count;
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
        for (kind, count) in &entries.errors {
            self.told(&format!("{kind:?}"), *count);
        }
        self.longest = self.longest.max(entries.longest);
        self.growth = self.growth.max(growth);
        self.verdict.add(verdict);
        for (what, count) in [
            ("acknowledged, and lost", verdict.lost),
            ("stored twice", verdict.doubled),
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

    fn cells(&self) -> [String; 12] {
        let faults = [(self.kills, "kills"), (self.cuts, "cuts"), (self.others, "other")];
        let faults = faults.iter().filter(|(count, _)| *count > 0);
        let faults: Vec<_> = faults.map(|(count, what)| format!("{count} {what}")).collect();
        let errors: Vec<_> = self
            .errors
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        [
            faults.join(", "),
            self.sent.to_string(),
            self.acknowledged.to_string(),
            self.verdict.stored.to_string(),
            self.verdict.lost.to_string(),
            self.verdict.doubled.to_string(),
            match self.verdict.late {
                0 => self.verdict.out_of_order.to_string(),
                late => format!("{}, {late} at risk", self.verdict.out_of_order),
            },
            self.at_risk.to_string(),
            match self.is_blind {
                true => "not seen".to_owned(),
                false => self.verdict.missing.to_string(),
            },
            self.duplicates.to_string(),
            if errors.is_empty() {
                "–".to_owned()
            } else {
                errors.join(", ")
            },
            format!(
                "{:.2} s | {:.1} MiB",
                self.longest.as_secs_f64(),
                self.growth as f64 / 1024.0
            ),
        ]
    }
}

/// Prints the table, and what was broken. Returns whether nothing was.
#[expect(clippy::print_stdout, reason = "the table is the result")]
pub(crate) fn print(rows: &[(Scenario, Row)]) -> bool {
    println!(
        "| scenario | faults | sent | acknowledged | stored | lost | doubled | out of order | told at risk | of these \
         missing | known already | errors told | longest call | memory grew |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|");
    for (scenario, row) in rows {
        println!("| {} | {} |", scenario.name(), row.cells().join(" | "));
    }
    println!();
    let sum = |of: fn(&Row) -> u64| rows.iter().map(|(_, row)| of(row)).sum::<u64>();
    println!(
        "{} kills, {} cuts, {} other faults; {} events sent, {} acknowledged, {} stored; {} lost, {} doubled, {} out \
         of order",
        sum(|row| row.kills),
        sum(|row| row.cuts),
        sum(|row| row.others),
        sum(|row| row.sent),
        sum(|row| row.acknowledged),
        sum(|row| row.verdict.stored),
        sum(|row| row.verdict.lost),
        sum(|row| row.verdict.doubled),
        sum(|row| row.verdict.out_of_order),
    );
    for (scenario, row) in rows {
        for broken in &row.broken {
            println!("BROKEN: {}: {broken}", scenario.name());
        }
    }
    rows.iter().all(|(_, row)| row.broken.is_empty())
}

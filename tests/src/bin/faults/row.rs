//! Totals of one scenario over all rounds.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::Event;
use crate::memory;
use crate::recorder::Recorder;
use crate::verdict::Verdict;

/// Limit for the growth of this process during one scenario. It includes what the scenario records: about 100 bytes per
/// event.
const MAX_MEMORY_GROWTH_KIB: u64 = 96 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) kills: u64,
    /// Driver processes killed with SIGKILL and restarted.
    pub(crate) driver_kills: u64,
    pub(crate) cuts: u64,
    pub(crate) other_faults: u64,
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) duplicate_acks: u64,
    pub(crate) verdict: Verdict,
    pub(crate) at_risk: u64,
    pub(crate) rejected: u64,
    pub(crate) possible_duplicates: u64,
    /// Events that readers acknowledged.
    pub(crate) read: u64,
    /// Acknowledged deliveries of events that were acknowledged before.
    pub(crate) read_again: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) longest_call: Duration,
    pub(crate) memory_growth_kib: u64,
    /// Messages that are no event.
    pub(crate) hostile: u64,
    /// Hostile messages that the source delivered as malformed.
    pub(crate) reported: u64,
    /// Hostile messages that end the connection of the client library.
    pub(crate) unparseable: u64,
    pub(crate) reconnects: u64,
    /// Gaps that a source without storage reported.
    pub(crate) gaps: u64,
    /// Runs of the fixture that a driver process has started.
    pub(crate) runs: u64,
    pub(crate) stored_jetstream: u64,
    pub(crate) stored_kafka: u64,
    /// Stored events whose driver process was killed before it could record the receipt.
    pub(crate) unconfirmed: u64,
    pub(crate) dead_letters: u64,
    /// Damaged spool files that were set aside.
    pub(crate) set_aside: u64,
    /// The reason why the scenario cannot run on this machine.
    pub(crate) skipped: Option<String>,
    /// The reader lost its connection together with the sink, so a missing event may have been published.
    pub(crate) losses_unobservable: bool,
    pub(crate) failures: Vec<String>,
}

/// A fault of a server or a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A server is killed with SIGKILL and restarted.
    Kill,
    /// All connections of a link are reset.
    Cut,
    /// Any other fault.
    Other,
}

impl Row {
    pub(crate) fn count_fault(&mut self, fault: Fault) {
        match fault {
            Fault::Kill => self.kills += 1,
            Fault::Cut => self.cuts += 1,
            Fault::Other => self.other_faults += 1,
        }
    }

    pub(crate) fn count_errors(&mut self, name: &str, count: u64) {
        if count > 0 {
            *self.errors.entry(name.to_owned()).or_default() += count;
        }
    }

    /// Records that a promise of the crates is broken.
    pub(crate) fn fail(&mut self, failure: String) {
        self.failures.push(failure);
    }

    /// Records a failure unless `is_kept`.
    pub(crate) fn check(&mut self, is_kept: bool, failure: impl FnOnce() -> String) {
        if !is_kept {
            self.fail(failure());
        }
    }

    /// Adds the totals of a round, and checks them. `read_back` are the stored events in their order, `call_limit` the
    /// longest time that a call may take, and `memory_before` the [resident memory](memory::resident) at the start.
    pub(crate) fn add_round(
        &mut self,
        recorder: &Recorder,
        read_back: &[Event],
        call_limit: Duration,
        memory_before: u64,
    ) {
        let recorded = recorder.recorded();
        let verdict = Verdict::of(&recorded, read_back);
        self.sent += recorded.outcomes.len() as u64;
        self.acknowledged += recorded.acknowledged;
        self.duplicate_acks += recorded.duplicate_acks;
        self.at_risk += recorded.at_risk();
        self.rejected += recorded.rejected();
        self.possible_duplicates += recorded.possible_duplicates();
        for (kind, count) in &recorded.errors {
            self.count_errors(&format!("{kind:?}"), *count);
        }
        self.longest_call = self.longest_call.max(recorded.longest_call);
        self.verdict.add(verdict);
        for (count, failure) in [
            (verdict.lost, "were acknowledged and are lost"),
            (verdict.duplicates, "are uncounted duplicates"),
            (verdict.out_of_order, "are out of order"),
            (verdict.unexpected, "are stored although reported as not sent"),
        ] {
            self.check(count == 0, || format!("{count} events {failure}"));
        }
        let is_reported = self.losses_unobservable || verdict.unreported == 0;
        self.check(is_reported, || {
            format!("{} events are missing and no flush reported them", verdict.unreported)
        });
        self.check(recorded.longest_call <= call_limit, || {
            format!("a call took {:?}, longer than {call_limit:?}", recorded.longest_call)
        });
        self.check_memory(memory_before);
    }

    /// Checks how much this process has grown since its [resident memory](memory::resident) was `before`.
    pub(crate) fn check_memory(&mut self, before: u64) {
        let growth = memory::resident().saturating_sub(before);
        self.memory_growth_kib = self.memory_growth_kib.max(growth);
        self.check(growth <= MAX_MEMORY_GROWTH_KIB, || {
            format!("the process grew by {growth} KiB")
        });
    }

    /// Checks that no call failed: the sink retries for longer than a fault lasts.
    pub(crate) fn check_no_errors(&mut self, recorder: &Recorder) {
        let errors = &recorder.recorded().errors;
        self.check(errors.is_empty(), || format!("the sink gave up on events: {errors:?}"));
    }

    /// Skips the check for unreported missing events.
    pub(crate) fn set_losses_unobservable(&mut self) {
        self.losses_unobservable = true;
    }
}

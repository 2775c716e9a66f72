//! Compares the results that the sink reported with the events that were read back.

use std::collections::{HashMap, HashSet};

use crate::event::Event;
use crate::recorder::{Outcome, Recorded};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Events that were read back, without duplicates.
    pub(crate) stored: u64,
    /// Acknowledged events that were not read back.
    pub(crate) lost: u64,
    /// Second and further copies that were not counted as possible.
    pub(crate) duplicates: u64,
    /// Second and further copies that were counted as possible.
    pub(crate) counted_duplicates: u64,
    /// Events stored after a later event of the same goal, without an excuse.
    pub(crate) out_of_order: u64,
    /// Events stored after a later event of the same goal, with one of two excuses. A failed flush reported the event as
    /// at risk: the server may read the rest of a lost connection after it began to read the new one. Or the event was
    /// retried after a failed call, on a server that does not deduplicate.
    pub(crate) late: u64,
    /// Events that were read back although they were never sent, or were reported as not sent.
    pub(crate) unexpected: u64,
    /// Events with an unknown outcome that were not read back.
    pub(crate) missing: u64,
    /// Missing events in excess of the number that the failed flush reported as at risk.
    pub(crate) unreported: u64,
}

impl Verdict {
    /// Compares the sink's results with the events that were read back, which are in the order in which they were stored.
    /// Only the first copy of an event counts for the order.
    pub(crate) fn of(recorded: &Recorded, read_back: &[Event]) -> Self {
        let mut verdict = Self::default();
        let mut seen = HashSet::with_capacity(read_back.len());
        let mut last: HashMap<u32, u32> = HashMap::new();
        let mut copies: HashMap<Event, u32> = HashMap::new();
        for event in read_back {
            if !seen.insert(*event) {
                *copies.entry(*event).or_default() += 1;
                continue;
            }
            verdict.stored += 1;
            let outcome = recorded.outcomes.get(event);
            verdict.unexpected += u64::from(matches!(outcome, None | Some(Outcome::NotSent)));
            let last = last.entry(event.goal).or_insert(event.number);
            if event.number < *last {
                let is_at_risk = outcome == Some(&Outcome::Unknown);
                let is_retried = recorded.possible_duplicates.is_some() && recorded.failed_attempts.contains_key(event);
                match is_at_risk || is_retried {
                    true => verdict.late += 1,
                    false => verdict.out_of_order += 1,
                }
            }
            *last = event.number.max(*last);
        }
        let duplicates: u64 = copies.values().map(|count| u64::from(*count)).sum();
        verdict.counted_duplicates = match recorded.possible_duplicates {
            // The sink's counter does not name the events.
            Some(of_sink) => {
                let of_callers = |(event, count): (&Event, &u32)| u64::from(*count.min(&recorded.extra_copies(event)));
                duplicates.min(of_sink + copies.iter().map(of_callers).sum::<u64>())
            }
            None => 0,
        };
        verdict.duplicates = duplicates - verdict.counted_duplicates;
        for (event, outcome) in &recorded.outcomes {
            let is_absent = !seen.contains(event);
            verdict.lost += u64::from(is_absent && *outcome == Outcome::Acknowledged);
            verdict.missing += u64::from(is_absent && *outcome == Outcome::Unknown);
        }
        for flush in &recorded.failed_flushes {
            let is_missing =
                |event: &&Event| recorded.outcomes.get(event) == Some(&Outcome::Unknown) && !seen.contains(event);
            let missing = flush.events.iter().filter(is_missing).count() as u64;
            verdict.unreported += missing.saturating_sub(flush.at_risk + flush.rejected);
        }
        verdict
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.stored += other.stored;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.counted_duplicates += other.counted_duplicates;
        self.out_of_order += other.out_of_order;
        self.late += other.late;
        self.unexpected += other.unexpected;
        self.missing += other.missing;
        self.unreported += other.unreported;
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;
    use crate::event::Event;
    use crate::recorder::{FailedFlush, Outcome, Recorded};

    fn event(goal: u32, number: u32) -> Event {
        Event { goal, number }
    }

    #[test]
    fn losses_duplicates_and_disorder_are_counted() {
        let mut recorded = Recorded::default();
        let outcomes = [
            (event(1, 0), Outcome::Acknowledged),
            (event(1, 1), Outcome::Acknowledged),
            (event(1, 2), Outcome::Acknowledged),
            (event(1, 3), Outcome::Acknowledged),
            (event(1, 4), Outcome::Unknown),
            (event(1, 5), Outcome::Unknown),
            (event(1, 6), Outcome::Acknowledged),
            (event(2, 0), Outcome::NotSent),
            (event(2, 1), Outcome::NotSent),
        ];
        recorded.outcomes.extend(outcomes);
        let failed_flush = |number, at_risk| FailedFlush {
            events: vec![event(1, number)],
            at_risk,
            rejected: 0,
        };
        recorded.failed_flushes = vec![failed_flush(4, 0), failed_flush(5, 0), failed_flush(5, 1)];
        let read_back =
            [(1, 0), (1, 2), (1, 0), (1, 1), (2, 0), (3, 0), (1, 6), (1, 4)].map(|(goal, number)| event(goal, number));
        let expected = Verdict {
            stored: 7,
            lost: 1,
            duplicates: 1,
            counted_duplicates: 0,
            out_of_order: 1,
            late: 1,
            unexpected: 2,
            missing: 1,
            unreported: 1,
        };
        assert_eq!(Verdict::of(&recorded, &read_back), expected);
    }

    #[test]
    fn only_possible_duplicates_are_counted() {
        let mut recorded = Recorded::default();
        recorded
            .outcomes
            .extend((0..5).map(|number| (event(1, number), Outcome::Acknowledged)));
        // A failed call may have stored event 1 before another call did. The failed call for event 2 did not store it.
        recorded.failed_attempts.extend([(event(1, 1), 1), (event(1, 2), 0)]);
        let read_back = [0, 3, 1, 4, 1, 1, 2, 2, 4].map(|number| event(1, number));
        let counted = |possible_duplicates, duplicates, counted_duplicates, late| {
            let mut recorded = Recorded {
                outcomes: recorded.outcomes.clone(),
                failed_attempts: recorded.failed_attempts.clone(),
                possible_duplicates,
                ..Recorded::default()
            };
            let expected = Verdict {
                stored: 5,
                duplicates,
                counted_duplicates,
                out_of_order: 2 - late,
                late,
                ..Verdict::default()
            };
            assert_eq!(Verdict::of(&recorded, &read_back), expected);
            // Without an ack, one of the possible copies is the first.
            recorded.outcomes.insert(event(1, 1), Outcome::Unknown);
            assert_eq!(
                Verdict::of(&recorded, &read_back).counted_duplicates,
                counted_duplicates.saturating_sub(1)
            );
        };
        counted(None, 4, 0, 0);
        counted(Some(0), 3, 1, 2);
        counted(Some(2), 1, 3, 2);
    }

    #[test]
    fn a_flawless_run_has_no_findings() {
        let mut recorded = Recorded::default();
        recorded
            .outcomes
            .extend((0..10).map(|number| (event(number % 2, number), Outcome::Acknowledged)));
        let read_back: Vec<_> = (0..10).map(|number| event(number % 2, number)).collect();
        let expected = Verdict {
            stored: 10,
            ..Verdict::default()
        };
        assert_eq!(Verdict::of(&recorded, &read_back), expected);
    }
}

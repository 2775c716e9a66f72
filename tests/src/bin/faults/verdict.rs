//! What became of the events: what the sink said, against what was read back.

use std::collections::{HashMap, HashSet};

use crate::account::{Entries, Word};
use crate::event::Event;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) stored: u64,
    /// Acknowledged, and not there.
    pub(crate) lost: u64,
    /// There more often than once and than what was counted as possible.
    pub(crate) doubled: u64,
    /// There more than once, and counted as possible.
    pub(crate) doubled_as_told: u64,
    /// Acknowledged, and there after a later one of the same goal.
    pub(crate) out_of_order: u64,
    /// The same of events that may be late: a failed flush told them to be at risk, since a server may read what is left
    /// of a lost connection after it began to read the new one; or, where servers store whatever comes, a call failed,
    /// and they were sent again.
    pub(crate) late: u64,
    /// There, although it was never sent, or was said not to be sent.
    pub(crate) unexpected: u64,
    /// May be there, and is not.
    pub(crate) missing: u64,
    /// Of these, how many more than the failed flush told that was to cover them.
    pub(crate) untold: u64,
}

impl Verdict {
    /// `read` is in the order in which it was stored. Of an event that is there more than once, the first copy stands in
    /// the order.
    pub(crate) fn of(sent: &Entries, read: &[Event]) -> Self {
        let mut verdict = Self::default();
        let mut seen = HashSet::with_capacity(read.len());
        let mut last: HashMap<u32, u32> = HashMap::new();
        let mut copies: HashMap<Event, u32> = HashMap::new();
        for event in read {
            if !seen.insert(*event) {
                *copies.entry(*event).or_default() += 1;
                continue;
            }
            verdict.stored += 1;
            verdict.unexpected += u64::from(matches!(sent.events.get(event), None | Some(Word::NotSent)));
            let last = last.entry(event.goal).or_insert(event.number);
            if event.number < *last {
                let is_at_risk = sent.events.get(event) == Some(&Word::Unknown);
                let is_sent_again = sent.possible_duplicates.is_some() && sent.failed.contains_key(event);
                match is_at_risk || is_sent_again {
                    true => verdict.late += 1,
                    false => verdict.out_of_order += 1,
                }
            }
            *last = event.number.max(*last);
        }
        let doubled: u64 = copies.values().map(|count| u64::from(*count)).sum();
        verdict.doubled_as_told = match sent.possible_duplicates {
            // What the sink counted may be any event.
            Some(of_sink) => {
                let of_callers = |(event, count): (&Event, &u32)| u64::from(*count.min(&sent.more_copies(event)));
                doubled.min(of_sink + copies.iter().map(of_callers).sum::<u64>())
            }
            None => 0,
        };
        verdict.doubled = doubled - verdict.doubled_as_told;
        for (event, word) in &sent.events {
            let is_absent = !seen.contains(event);
            verdict.lost += u64::from(is_absent && *word == Word::Acknowledged);
            verdict.missing += u64::from(is_absent && *word == Word::Unknown);
        }
        for (events, told) in &sent.risks {
            let is_missing = |event: &&Event| sent.events.get(event) == Some(&Word::Unknown) && !seen.contains(event);
            let missing = events.iter().filter(is_missing).count() as u64;
            verdict.untold += missing.saturating_sub(*told);
        }
        verdict
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.stored += other.stored;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.doubled_as_told += other.doubled_as_told;
        self.out_of_order += other.out_of_order;
        self.late += other.late;
        self.unexpected += other.unexpected;
        self.missing += other.missing;
        self.untold += other.untold;
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;
    use crate::account::{Entries, Word};
    use crate::event::Event;

    fn event(goal: u32, number: u32) -> Event {
        Event { goal, number }
    }

    #[test]
    fn what_goes_wrong_is_seen() {
        let mut sent = Entries::default();
        let said = [
            (event(1, 0), Word::Acknowledged),
            (event(1, 1), Word::Acknowledged),
            (event(1, 2), Word::Acknowledged),
            (event(1, 3), Word::Acknowledged),
            (event(1, 4), Word::Unknown),
            (event(1, 5), Word::Unknown),
            (event(1, 6), Word::Acknowledged),
            (event(2, 0), Word::NotSent),
            (event(2, 1), Word::NotSent),
        ];
        sent.events.extend(said);
        sent.risks = vec![(vec![event(1, 4)], 0), (vec![event(1, 5)], 0), (vec![event(1, 5)], 1)];
        let read =
            [(1, 0), (1, 2), (1, 0), (1, 1), (2, 0), (3, 0), (1, 6), (1, 4)].map(|(goal, number)| event(goal, number));
        let expected = Verdict {
            stored: 7,
            lost: 1,
            doubled: 1,
            doubled_as_told: 0,
            out_of_order: 1,
            late: 1,
            unexpected: 2,
            missing: 1,
            untold: 1,
        };
        assert_eq!(Verdict::of(&sent, &read), expected);
    }

    #[test]
    fn copies_are_told_that_were_counted_and_no_more() {
        let mut sent = Entries::default();
        sent.events
            .extend((0..5).map(|number| (event(1, number), Word::Acknowledged)));
        // One call for this event may have stored it, and another has; a call for that one has certainly not.
        sent.failed.extend([(event(1, 1), 1), (event(1, 2), 0)]);
        let read = [0, 3, 1, 4, 1, 1, 2, 2, 4].map(|number| event(1, number));
        let counted = |possible_duplicates, doubled, doubled_as_told, late| {
            let mut sent = Entries {
                events: sent.events.clone(),
                failed: sent.failed.clone(),
                possible_duplicates,
                ..Entries::default()
            };
            let expected = Verdict {
                stored: 5,
                doubled,
                doubled_as_told,
                out_of_order: 2 - late,
                late,
                ..Verdict::default()
            };
            assert_eq!(Verdict::of(&sent, &read), expected);
            // What has no answer has one copy less.
            sent.events.insert(event(1, 1), Word::Unknown);
            assert_eq!(
                Verdict::of(&sent, &read).doubled_as_told,
                doubled_as_told.saturating_sub(1)
            );
        };
        counted(None, 4, 0, 0);
        counted(Some(0), 3, 1, 2);
        counted(Some(2), 1, 3, 2);
    }

    #[test]
    fn what_goes_right_is_seen_too() {
        let mut sent = Entries::default();
        sent.events
            .extend((0..10).map(|number| (event(number % 2, number), Word::Acknowledged)));
        let read: Vec<_> = (0..10).map(|number| event(number % 2, number)).collect();
        let expected = Verdict {
            stored: 10,
            ..Verdict::default()
        };
        assert_eq!(Verdict::of(&sent, &read), expected);
    }
}

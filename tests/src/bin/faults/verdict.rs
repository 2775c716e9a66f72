//! What became of the events: what the sink said, against what was read back.

use std::collections::{HashMap, HashSet};

use crate::account::{Entries, Word};
use crate::event::Event;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) stored: u64,
    /// Acknowledged, and not there.
    pub(crate) lost: u64,
    /// There more than once.
    pub(crate) doubled: u64,
    /// Acknowledged, and there after a later one of the same goal.
    pub(crate) out_of_order: u64,
    /// The same of events that a failed flush told to be at risk: a server may read what is left of a lost connection
    /// after it began to read the new one.
    pub(crate) late: u64,
    /// There, although it was never sent, or was said not to be sent.
    pub(crate) unexpected: u64,
    /// May be there, and is not.
    pub(crate) missing: u64,
    /// Of these, how many more than the failed flush told that was to cover them.
    pub(crate) untold: u64,
}

impl Verdict {
    /// `read` is in the order in which it was stored.
    pub(crate) fn of(sent: &Entries, read: &[Event]) -> Self {
        let mut verdict = Self::default();
        let mut seen = HashSet::with_capacity(read.len());
        let mut last: HashMap<u32, u32> = HashMap::new();
        for event in read {
            if !seen.insert(*event) {
                verdict.doubled += 1;
                continue;
            }
            verdict.stored += 1;
            verdict.unexpected += u64::from(matches!(sent.events.get(event), None | Some(Word::NotSent)));
            let last = last.entry(event.goal).or_insert(event.number);
            if event.number < *last {
                match sent.events.get(event) {
                    Some(Word::Unknown) => verdict.late += 1,
                    _ => verdict.out_of_order += 1,
                }
            }
            *last = event.number.max(*last);
        }
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
            out_of_order: 1,
            late: 1,
            unexpected: 2,
            missing: 1,
            untold: 1,
        };
        assert_eq!(Verdict::of(&sent, &read), expected);
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

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use driver_events_types::GoalId;

use crate::Envelope;

const DEFAULT_CAPACITY: usize = 10_000;

/// The most missing ranges that are remembered of one goal and run.
const MAX_MISSING_RANGES: usize = 128;

/// Finds gaps, duplicates and events out of order, by the [stamps](Envelope::stamp) of what a reader receives.
///
/// Numbers count the events of one goal in one run of the producer, from 1. Feed it everything that is received: in a
/// filtered stream gaps are no loss. It only looks; to drop duplicates, use a [`Deduplicator`](crate::Deduplicator).
///
/// Memory is bounded, whatever is received. It remembers at least the `capacity` goals and runs that were seen last,
/// and at most twice as many; one that is forgotten begins again with [`First`](Observation::First). Of one goal and
/// run it remembers 128 missing ranges; when there are more, the lowest are joined and what was seen between them
/// counts as missing again. So a late event is never told as a duplicate, at the price of the opposite.
///
/// ```
/// use driver_events_core::{Envelope, Observation, SequenceTracker, Stamp};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// let goal_id = GoalId::new();
/// let numbered = |sequence| {
///     let envelope = Envelope::new(DriverEvent::Escalate { goal_id, reason: "stuck".into() });
///     envelope.with_stamp(Stamp { run: "night-shift".into(), sequence })
/// };
/// let mut tracker = SequenceTracker::default();
/// assert_eq!(tracker.observe(&numbered(1)?), Observation::First { sequence: 1 });
/// assert_eq!(tracker.observe(&numbered(4)?), Observation::Gap { missing: 2..=3 });
/// assert_eq!(tracker.observe(&numbered(3)?), Observation::Late);
/// assert_eq!(tracker.observe(&numbered(3)?), Observation::Duplicate);
/// # Ok::<(), driver_events_core::InvalidAttribute>(())
/// ```
#[derive(Clone)]
pub struct SequenceTracker {
    capacity: usize,
    /// What was seen since `older` was last filled up: the place of every new and every renewed entry.
    recent: HashMap<Key, Numbers>,
    /// Given up as a whole when `recent` is full and takes its place.
    older: HashMap<Key, Numbers>,
}

type Key = (GoalId, Arc<str>);

/// What the number of an event says about those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// The first event of its goal and run that this tracker sees, or remembers. Above 1, those before it were lost or
    /// are late, or were published before the reader came.
    First {
        /// The event's number.
        sequence: u64,
    },
    /// The one that was expected.
    Next,
    /// Some before it are missing: lost, or late.
    Gap {
        /// The numbers that are missing.
        missing: RangeInclusive<u64>,
    },
    /// This number was seen before.
    Duplicate,
    /// One that was missing until now.
    Late,
    /// The event has no number, or 0, which is none.
    Unstamped,
}

/// The numbers of one goal and run.
#[derive(Clone, Debug)]
struct Numbers {
    highest: u64,
    /// First to last of each range below `highest` that was not seen. The ranges neither overlap nor touch.
    missing: BTreeMap<u64, u64>,
}

impl SequenceTracker {
    /// Remembers at least the `capacity` goals and runs that were seen last; 1 at least.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            recent: HashMap::new(),
            older: HashMap::new(),
        }
    }

    /// Looks at the next event that is received.
    pub fn observe(&mut self, envelope: &Envelope) -> Observation {
        let (Some(stamp), Some(goal_id)) = (envelope.stamp(), envelope.goal_id()) else {
            return Observation::Unstamped;
        };
        if stamp.sequence == 0 {
            return Observation::Unstamped;
        }
        let key = (goal_id, Arc::clone(&stamp.run));
        if let Some(numbers) = self.recent.get_mut(&key) {
            return numbers.observe(stamp.sequence);
        }
        let (numbers, observation) = match self.older.remove(&key) {
            Some(mut numbers) => {
                let observation = numbers.observe(stamp.sequence);
                (numbers, observation)
            }
            None => Numbers::starting_at(stamp.sequence),
        };
        if self.recent.len() >= self.capacity {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(key, numbers);
        observation
    }
}

impl Numbers {
    fn starting_at(sequence: u64) -> (Self, Observation) {
        let mut numbers = Self {
            highest: 0,
            missing: BTreeMap::new(),
        };
        numbers.observe(sequence);
        (numbers, Observation::First { sequence })
    }

    fn observe(&mut self, sequence: u64) -> Observation {
        let Some(ahead) = sequence.checked_sub(self.highest).filter(|ahead| *ahead > 0) else {
            return self.observe_again(sequence);
        };
        let expected = self.highest + 1;
        self.highest = sequence;
        if ahead == 1 {
            return Observation::Next;
        }
        let last = sequence - 1;
        self.missing.insert(expected, last);
        self.join_lowest();
        Observation::Gap {
            missing: expected..=last,
        }
    }

    /// Looks at a number that is not above the highest.
    fn observe_again(&mut self, sequence: u64) -> Observation {
        let range = self.missing.range(..=sequence).next_back();
        let Some((first, last)) = range
            .map(|(first, last)| (*first, *last))
            .filter(|(_, last)| sequence <= *last)
        else {
            return Observation::Duplicate;
        };
        self.missing.remove(&first);
        if first < sequence {
            self.missing.insert(first, sequence - 1);
        }
        if sequence < last {
            self.missing.insert(sequence + 1, last);
        }
        self.join_lowest();
        Observation::Late
    }

    fn join_lowest(&mut self) {
        if self.missing.len() > MAX_MISSING_RANGES
            && let Some((first, _)) = self.missing.pop_first()
            && let Some((_, last)) = self.missing.pop_first()
        {
            self.missing.insert(first, last);
        }
    }
}

/// Remembers 10,000 goals and runs.
impl Default for SequenceTracker {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

impl fmt::Debug for SequenceTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remembered = self.recent.len() + self.older.len();
        write!(f, "SequenceTracker({remembered} goals and runs)")
    }
}

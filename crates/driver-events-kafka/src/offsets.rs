//! What was delivered of each partition and not answered yet, and so how far the group may commit.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The partitions that a consumer reads now.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    partitions: Mutex<Partitions>,
}

#[derive(Debug, Default)]
struct Partitions {
    of_topics: HashMap<Arc<str>, HashMap<i32, Partition>>,
    /// Given to a partition when it is read anew: answers to what was delivered before are not taken.
    next_reading: u64,
}

#[derive(Debug)]
struct Partition {
    reading: u64,
    unanswered: BTreeSet<i64>,
    /// The offset behind the last record that was delivered.
    end: i64,
}

/// Names one delivery, to answer for it later.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    reading: u64,
}

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The group may commit this offset: all records before it are answered.
    To(i64),
    /// The partition is read anew, or by another consumer: the record comes again.
    Late,
}

impl Offsets {
    /// Takes note of a record that is delivered now.
    pub(crate) fn deliver(&self, topic: &str, partition: i32, offset: i64) -> Delivered {
        let mut partitions = self.lock();
        let partitions = &mut *partitions;
        let topic = match partitions.of_topics.get_key_value(topic) {
            Some((topic, _)) => Arc::clone(topic),
            None => Arc::from(topic),
        };
        let found = partitions
            .of_topics
            .entry(Arc::clone(&topic))
            .or_default()
            .entry(partition)
            .or_insert_with(|| {
                partitions.next_reading += 1;
                Partition {
                    reading: partitions.next_reading,
                    unanswered: BTreeSet::new(),
                    end: offset,
                }
            });
        found.unanswered.insert(offset);
        found.end = found.end.max(offset + 1);
        Delivered {
            topic,
            partition,
            offset,
            reading: found.reading,
        }
    }

    /// Takes note that the work on a record is done.
    pub(crate) fn answer(&self, delivered: &Delivered) -> Progress {
        let mut partitions = self.lock();
        let found = partitions
            .of_topics
            .get_mut(&delivered.topic)
            .and_then(|partitions| partitions.get_mut(&delivered.partition))
            .filter(|partition| partition.reading == delivered.reading);
        let Some(partition) = found else {
            return Progress::Late;
        };
        partition.unanswered.remove(&delivered.offset);
        Progress::To(partition.unanswered.first().copied().unwrap_or(partition.end))
    }

    /// Forgets a partition that is read anew, or by another consumer from now on.
    pub(crate) fn forget(&self, topic: &str, partition: i32) {
        if let Some(partitions) = self.lock().of_topics.get_mut(topic) {
            partitions.remove(&partition);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Partitions> {
        // Nothing panics while it holds the lock.
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Offsets, Progress};

    #[test]
    fn no_more_is_committed_than_was_answered_without_a_gap() {
        let offsets = Offsets::default();
        let delivered: Vec<_> = [5, 6, 9].map(|offset| offsets.deliver("t", 0, offset)).into();
        assert_eq!(offsets.answer(&delivered[1]), Progress::To(5));
        assert_eq!(offsets.answer(&delivered[0]), Progress::To(9));
        assert_eq!(offsets.answer(&delivered[2]), Progress::To(10));
        let other = offsets.deliver("t", 1, 0);
        assert_eq!(offsets.answer(&other), Progress::To(1));
    }

    #[test]
    fn answers_to_what_comes_again_are_late() {
        let offsets = Offsets::default();
        let before = offsets.deliver("t", 0, 5);
        offsets.forget("t", 0);
        assert_eq!(offsets.answer(&before), Progress::Late);
        let again = offsets.deliver("t", 0, 5);
        assert_eq!(offsets.answer(&before), Progress::Late);
        assert_eq!(offsets.answer(&again), Progress::To(6));
    }
}

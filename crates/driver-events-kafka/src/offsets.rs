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

impl Delivered {
    /// Whether nothing was read anew between the two.
    pub(crate) fn is_of_the_reading_of(&self, other: &Self) -> bool {
        self.reading == other.reading
    }
}

impl Offsets {
    /// Takes note of a record that is delivered now, and will be answered.
    pub(crate) fn deliver(&self, topic: &str, partition: i32, offset: i64) -> Delivered {
        self.lock().note(topic, partition, offset, true)
    }

    /// The same for a record that nobody answers.
    pub(crate) fn pass(&self, topic: &str, partition: i32, offset: i64) -> Delivered {
        self.lock().note(topic, partition, offset, false)
    }

    /// Takes note that the work on a record is done, and has the offset stored which the group may commit: all records
    /// before it are answered. None where the partition is read anew, or by another consumer: the record comes again.
    ///
    /// No answer and no rebalance comes between, so that a later offset is never stored before an earlier one, nor one of a
    /// partition that is another's by then.
    pub(crate) fn answer<T>(&self, delivered: &Delivered, store: impl FnOnce(i64) -> T) -> Option<T> {
        let mut partitions = self.lock();
        let partition = partitions.current(delivered)?;
        partition.unanswered.remove(&delivered.offset);
        Some(store(partition.unanswered.first().copied().unwrap_or(partition.end)))
    }

    /// Does something with the partition of a delivery, unless that is read anew, or by another consumer.
    pub(crate) fn if_current<T>(&self, delivered: &Delivered, work: impl FnOnce() -> T) -> Option<T> {
        let mut partitions = self.lock();
        partitions.current(delivered)?;
        Some(work())
    }

    /// Begins a partition anew at this offset.
    pub(crate) fn go_back(&self, topic: &str, partition: i32, offset: i64) {
        let mut partitions = self.lock();
        let began = partitions.begin(offset);
        let topic = partitions.name(topic);
        partitions.of_topics.entry(topic).or_default().insert(partition, began);
    }

    /// Forgets a partition that another consumer reads from now on.
    pub(crate) fn forget(&self, topic: &str, partition: i32) {
        if let Some(partitions) = self.lock().of_topics.get_mut(topic) {
            partitions.remove(&partition);
        }
    }

    /// The offset behind the last record that was delivered; none where there was none yet.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        let partitions = self.lock();
        Some(partitions.of_topics.get(topic)?.get(&partition)?.end)
    }

    fn lock(&self) -> MutexGuard<'_, Partitions> {
        // Nothing panics while it holds the lock.
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Partitions {
    fn note(&mut self, topic: &str, partition: i32, offset: i64, is_awaited: bool) -> Delivered {
        let topic = self.name(topic);
        let known = self
            .of_topics
            .get(&topic)
            .and_then(|partitions| partitions.get(&partition));
        // Offsets rise, unless the partition begins again: its topic was made anew, or its end was lost.
        if known.is_none_or(|known| offset < known.end) {
            let began = self.begin(offset);
            self.of_topics
                .entry(Arc::clone(&topic))
                .or_default()
                .insert(partition, began);
        }
        let mut reading = 0;
        if let Some(found) = self
            .of_topics
            .get_mut(&topic)
            .and_then(|partitions| partitions.get_mut(&partition))
        {
            reading = found.reading;
            found.end = offset + 1;
            if is_awaited {
                found.unanswered.insert(offset);
            }
        }
        Delivered {
            topic,
            partition,
            offset,
            reading,
        }
    }

    fn begin(&mut self, offset: i64) -> Partition {
        self.next_reading += 1;
        Partition {
            reading: self.next_reading,
            unanswered: BTreeSet::new(),
            end: offset,
        }
    }

    /// One name for all deliveries.
    fn name(&self, topic: &str) -> Arc<str> {
        match self.of_topics.get_key_value(topic) {
            Some((topic, _)) => Arc::clone(topic),
            None => Arc::from(topic),
        }
    }

    fn current(&mut self, delivered: &Delivered) -> Option<&mut Partition> {
        let partition = self
            .of_topics
            .get_mut(&delivered.topic)?
            .get_mut(&delivered.partition)?;
        (partition.reading == delivered.reading).then_some(partition)
    }
}

#[cfg(test)]
mod tests {
    use super::Offsets;

    fn progress(offset: i64) -> i64 {
        offset
    }

    #[test]
    fn no_more_is_committed_than_was_answered_without_a_gap() {
        let offsets = Offsets::default();
        let delivered: Vec<_> = [5, 6, 9].map(|offset| offsets.deliver("t", 0, offset)).into();
        assert_eq!(offsets.answer(&delivered[1], progress), Some(5));
        assert_eq!(offsets.answer(&delivered[0], progress), Some(9));
        assert_eq!(offsets.answer(&delivered[2], progress), Some(10));
        let other = offsets.deliver("t", 1, 0);
        assert_eq!(offsets.answer(&other, progress), Some(1));
    }

    #[test]
    fn answers_to_what_comes_again_are_late() {
        let offsets = Offsets::default();
        let before = offsets.deliver("t", 0, 5);
        offsets.forget("t", 0);
        assert_eq!(offsets.answer(&before, progress), None);
        assert_eq!(offsets.if_current(&before, || ()), None);
        let again = offsets.deliver("t", 0, 5);
        assert_eq!(offsets.answer(&before, progress), None);
        assert_eq!(offsets.answer(&again, progress), Some(6));
        offsets.go_back("t", 0, 5);
        assert_eq!(offsets.answer(&again, progress), None);
    }

    /// So it does when the topic was deleted and made anew, or when a leader lost the end of its log.
    #[test]
    fn a_partition_that_begins_again_commits_from_its_new_beginning() {
        let offsets = Offsets::default();
        let before = offsets.deliver("t", 0, 99);
        let again = offsets.deliver("t", 0, 3);
        assert_eq!(offsets.answer(&again, progress), Some(4));
        assert_eq!(offsets.answer(&before, progress), None);
        assert_eq!(offsets.end("t", 0), Some(4));
    }

    #[test]
    fn what_nobody_answers_is_not_kept() {
        let offsets = Offsets::default();
        for offset in 0..1_000 {
            offsets.pass("t", 0, offset);
        }
        assert_eq!(offsets.end("t", 0), Some(1_000));
        assert!(!format!("{offsets:?}").contains("999"), "{offsets:?}");
    }
}

//! What was delivered of each partition and not answered yet, and so how far the group may commit.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use crate::unanswered::Unanswered;

/// The partitions that a consumer reads now.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    partitions: Mutex<Partitions>,
}

#[derive(Debug, Default)]
struct Partitions {
    /// By their readings: a number that a partition is given when it is read anew, so that answers to what was delivered
    /// before are not taken.
    by_reading: BTreeMap<u64, Partition>,
    readings: BTreeMap<Arc<str>, HashMap<i32, u64>>,
    /// Of the partition that the last record came from. The next one mostly does, too.
    last: u64,
    next: u64,
}

struct Partition {
    topic: Arc<str>,
    partition: i32,
    reading: u64,
    unanswered: Unanswered,
    /// The offset behind the last record that was delivered.
    end: i64,
    /// The partition alone, as librdkafka is told what may be committed: made once, and not for each answer. While it is
    /// there, the consumer does not end.
    list: TopicPartitionList,
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

    /// Whether the partition was read anew before the other was delivered.
    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        self.reading < other.reading
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
    pub(crate) fn answer<T>(
        &self,
        delivered: &Delivered,
        store: impl FnOnce(&TopicPartitionList) -> KafkaResult<T>,
    ) -> Option<KafkaResult<T>> {
        let mut partitions = self.lock();
        let partition = partitions.current(delivered)?;
        partition.unanswered.answer(delivered.offset);
        let offset = partition.unanswered.first().unwrap_or(partition.end);
        let list = &mut partition.list;
        Some(list.set_all_offsets(Offset::Offset(offset)).and_then(|()| store(list)))
    }

    /// Does something with the partition of a delivery, unless that is read anew, or by another consumer.
    pub(crate) fn if_current<T>(&self, delivered: &Delivered, work: impl FnOnce() -> T) -> Option<T> {
        let mut partitions = self.lock();
        partitions.current(delivered)?;
        Some(work())
    }

    /// Begins a partition anew at this offset.
    pub(crate) fn go_back(&self, topic: &str, partition: i32, offset: i64) {
        self.lock().begin(topic, partition, offset);
    }

    /// Forgets a partition that another consumer reads from now on.
    pub(crate) fn forget(&self, topic: &str, partition: i32) {
        self.lock().forget(topic, partition);
    }

    /// Forgets all partitions: the consumer ends.
    pub(crate) fn forget_all(&self) {
        let mut partitions = self.lock();
        partitions.by_reading.clear();
        partitions.readings.clear();
    }

    /// The offset behind the last record that was delivered; none where there was none yet.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        let mut partitions = self.lock();
        Some(partitions.find(topic, partition)?.end)
    }

    fn lock(&self) -> MutexGuard<'_, Partitions> {
        // Nothing panics while it holds the lock.
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Partitions {
    fn note(&mut self, topic: &str, partition: i32, offset: i64, is_awaited: bool) -> Delivered {
        match self.find(topic, partition) {
            // Offsets rise, unless the partition begins again: its topic was made anew, or its end was lost.
            Some(known) if offset >= known.end => known.note(offset, is_awaited),
            _ => self.begin(topic, partition, offset).note(offset, is_awaited),
        }
    }

    fn begin(&mut self, topic: &str, partition: i32, offset: i64) -> &mut Partition {
        self.forget(topic, partition);
        self.next += 1;
        let reading = self.next;
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(topic, partition);
        let topic = Arc::<str>::from(topic);
        let began = Partition {
            topic: Arc::clone(&topic),
            partition,
            reading,
            unanswered: Unanswered::default(),
            end: offset,
            list,
        };
        self.readings.entry(topic).or_default().insert(partition, reading);
        self.by_reading.entry(reading).or_insert(began)
    }

    fn forget(&mut self, topic: &str, partition: i32) {
        if let Some(readings) = self.readings.get_mut(topic)
            && let Some(reading) = readings.remove(&partition)
        {
            self.by_reading.remove(&reading);
        }
    }

    fn find(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        let last = self.by_reading.get(&self.last);
        if last.is_none_or(|last| last.partition != partition || &*last.topic != topic) {
            self.last = *self.readings.get(topic)?.get(&partition)?;
        }
        self.by_reading.get_mut(&self.last)
    }

    fn current(&mut self, delivered: &Delivered) -> Option<&mut Partition> {
        self.by_reading.get_mut(&delivered.reading)
    }
}

impl Partition {
    fn note(&mut self, offset: i64, is_awaited: bool) -> Delivered {
        self.end = offset + 1;
        if is_awaited {
            self.unanswered.push(offset);
        }
        Delivered {
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            offset,
            reading: self.reading,
        }
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("reading", &self.reading)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::KafkaResult;
    use rdkafka::{Offset, TopicPartitionList};

    use super::{Delivered, Offsets};

    /// What librdkafka is told after an answer.
    fn answer(offsets: &Offsets, delivered: &Delivered) -> Option<i64> {
        let told = offsets.answer(delivered, |list: &TopicPartitionList| -> KafkaResult<Offset> {
            Ok(list.find_partition("t", delivered.partition).unwrap().offset())
        });
        told.map(|offset| offset.unwrap().to_raw().unwrap())
    }

    #[test]
    fn no_more_is_committed_than_was_answered_without_a_gap() {
        let offsets = Offsets::default();
        let delivered: Vec<_> = [5, 6, 9].map(|offset| offsets.deliver("t", 0, offset)).into();
        assert_eq!(answer(&offsets, &delivered[1]), Some(5));
        assert_eq!(answer(&offsets, &delivered[0]), Some(9));
        assert_eq!(answer(&offsets, &delivered[2]), Some(10));
        let other = offsets.deliver("t", 1, 0);
        assert_eq!(answer(&offsets, &other), Some(1));
    }

    #[test]
    fn answers_to_what_comes_again_are_late() {
        let offsets = Offsets::default();
        let before = offsets.deliver("t", 0, 5);
        offsets.forget("t", 0);
        assert_eq!(answer(&offsets, &before), None);
        assert_eq!(offsets.if_current(&before, || ()), None);
        let again = offsets.deliver("t", 0, 5);
        assert_eq!(answer(&offsets, &before), None);
        assert_eq!(answer(&offsets, &again), Some(6));
        offsets.go_back("t", 0, 5);
        assert_eq!(answer(&offsets, &again), None);
    }

    /// So it does when the topic was deleted and made anew, or when a leader lost the end of its log.
    #[test]
    fn a_partition_that_begins_again_commits_from_its_new_beginning() {
        let offsets = Offsets::default();
        let before = offsets.deliver("t", 0, 99);
        let again = offsets.deliver("t", 0, 3);
        assert_eq!(answer(&offsets, &again), Some(4));
        assert_eq!(answer(&offsets, &before), None);
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

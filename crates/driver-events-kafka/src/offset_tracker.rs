//! Tracks the unsettled records of each partition, and so the offset that the group may commit.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

/// The partitions that the consumer reads.
#[derive(Debug, Default)]
pub(crate) struct OffsetTracker {
    partitions: Mutex<Partitions>,
}

#[derive(Debug, Default)]
struct Partitions {
    /// By epoch. A partition gets a new epoch when it is assigned or sought, so that acks of earlier deliveries are
    /// refused as stale.
    by_epoch: BTreeMap<u64, Partition>,
    epochs: BTreeMap<Arc<str>, HashMap<i32, u64>>,
    /// Epoch of the last record's partition, to which the next record mostly belongs, too.
    last_epoch: u64,
    epoch_count: u64,
}

struct Partition {
    topic: Arc<str>,
    partition: i32,
    epoch: u64,
    unsettled: Unsettled,
    /// Offset of the next record to deliver.
    position: i64,
    /// The argument of `store_offsets`, allocated once and not for each ack. The consumer's destructor waits until it is
    /// dropped.
    list: TopicPartitionList,
}

/// Identifies a delivery when it is settled.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryId {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    epoch: u64,
}

impl DeliveryId {
    pub(crate) fn is_same_epoch(&self, other: &Self) -> bool {
        self.epoch == other.epoch
    }

    pub(crate) fn is_older_epoch(&self, other: &Self) -> bool {
        self.epoch < other.epoch
    }
}

impl OffsetTracker {
    /// Tracks a delivered record that will be settled.
    pub(crate) fn deliver(&self, topic: &str, partition: i32, offset: i64) -> DeliveryId {
        self.lock().track(topic, partition, offset, true)
    }

    /// Advances past a record that will not be settled.
    pub(crate) fn skip(&self, topic: &str, partition: i32, offset: i64) -> DeliveryId {
        self.lock().track(topic, partition, offset, false)
    }

    /// Settles a record, and calls `store` with the offset to commit: all records before it are settled. Returns `None` if
    /// the delivery is stale: the partition was revoked or sought, and the record is redelivered.
    ///
    /// `store` runs under the lock. So no lower offset is stored after a higher one, and none after a revocation.
    pub(crate) fn settle<T>(
        &self,
        id: &DeliveryId,
        store: impl FnOnce(&TopicPartitionList) -> KafkaResult<T>,
    ) -> Option<KafkaResult<T>> {
        let mut partitions = self.lock();
        let partition = partitions.current(id)?;
        partition.unsettled.settle(id.offset);
        let offset = partition.unsettled.first().unwrap_or(partition.position);
        let list = &mut partition.list;
        Some(list.set_all_offsets(Offset::Offset(offset)).and_then(|()| store(list)))
    }

    /// Calls `work` under the lock, unless the delivery is stale.
    pub(crate) fn if_current<T>(&self, id: &DeliveryId, work: impl FnOnce() -> T) -> Option<T> {
        let mut partitions = self.lock();
        partitions.current(id)?;
        Some(work())
    }

    /// Starts a new epoch of a partition at this offset.
    pub(crate) fn seek(&self, topic: &str, partition: i32, offset: i64) {
        self.lock().begin_epoch(topic, partition, offset);
    }

    /// Stops tracking a revoked partition.
    pub(crate) fn revoke(&self, topic: &str, partition: i32) {
        self.lock().revoke(topic, partition);
    }

    /// Stops tracking all partitions, before the consumer is dropped.
    pub(crate) fn clear(&self) {
        let mut partitions = self.lock();
        partitions.by_epoch.clear();
        partitions.epochs.clear();
    }

    /// Returns the offset of the next record to deliver; `None` before the first record or seek.
    pub(crate) fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        let mut partitions = self.lock();
        Some(partitions.find(topic, partition)?.position)
    }

    fn lock(&self) -> MutexGuard<'_, Partitions> {
        // Never poisoned: no code panics while it holds the lock.
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Partitions {
    fn track(&mut self, topic: &str, partition: i32, offset: i64, is_unsettled: bool) -> DeliveryId {
        match self.find(topic, partition) {
            // Offsets decrease only if the topic was re-created or the leader lost the end of its log.
            Some(known) if offset >= known.position => known.track(offset, is_unsettled),
            _ => self.begin_epoch(topic, partition, offset).track(offset, is_unsettled),
        }
    }

    fn begin_epoch(&mut self, topic: &str, partition: i32, offset: i64) -> &mut Partition {
        self.revoke(topic, partition);
        self.epoch_count += 1;
        let epoch = self.epoch_count;
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(topic, partition);
        let topic = Arc::<str>::from(topic);
        let tracked = Partition {
            topic: Arc::clone(&topic),
            partition,
            epoch,
            unsettled: Unsettled::default(),
            position: offset,
            list,
        };
        self.epochs.entry(topic).or_default().insert(partition, epoch);
        self.by_epoch.entry(epoch).or_insert(tracked)
    }

    fn revoke(&mut self, topic: &str, partition: i32) {
        if let Some(epochs) = self.epochs.get_mut(topic)
            && let Some(epoch) = epochs.remove(&partition)
        {
            self.by_epoch.remove(&epoch);
        }
    }

    fn find(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        let last = self.by_epoch.get(&self.last_epoch);
        if last.is_none_or(|last| last.partition != partition || &*last.topic != topic) {
            self.last_epoch = *self.epochs.get(topic)?.get(&partition)?;
        }
        self.by_epoch.get_mut(&self.last_epoch)
    }

    fn current(&mut self, id: &DeliveryId) -> Option<&mut Partition> {
        self.by_epoch.get_mut(&id.epoch)
    }
}

impl Partition {
    fn track(&mut self, offset: i64, is_unsettled: bool) -> DeliveryId {
        self.position = offset + 1;
        if is_unsettled {
            self.unsettled.push(offset);
        }
        DeliveryId {
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            offset,
            epoch: self.epoch,
        }
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("epoch", &self.epoch)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// The delivered records of a partition, from the first unsettled one. Cheap if records are settled in order.
#[derive(Debug, Default)]
struct Unsettled {
    /// By ascending offset.
    records: VecDeque<Record>,
}

#[derive(Debug)]
struct Record {
    offset: i64,
    is_settled: bool,
}

impl Unsettled {
    /// Adds a record, whose offset is higher than all others.
    fn push(&mut self, offset: i64) {
        let is_settled = false;
        self.records.push_back(Record { offset, is_settled });
    }

    fn settle(&mut self, offset: i64) {
        let index = self.records.binary_search_by_key(&offset, |record| record.offset);
        if let Some(record) = index.ok().and_then(|index| self.records.get_mut(index)) {
            record.is_settled = true;
        }
        while self.records.front().is_some_and(|record| record.is_settled) {
            self.records.pop_front();
        }
    }

    /// Returns the offset of the first unsettled record; `None` if all are settled.
    fn first(&self) -> Option<i64> {
        self.records.front().map(|record| record.offset)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::KafkaResult;
    use rdkafka::{Offset, TopicPartitionList};

    use super::{DeliveryId, OffsetTracker, Unsettled};

    /// Acks a delivery and returns the offset that is stored for it.
    fn ack(tracker: &OffsetTracker, id: &DeliveryId) -> Option<i64> {
        let stored = tracker.settle(id, |list: &TopicPartitionList| -> KafkaResult<Offset> {
            Ok(list.find_partition("t", id.partition).unwrap().offset())
        });
        stored.map(|offset| offset.unwrap().to_raw().unwrap())
    }

    #[test]
    fn stored_offset_stops_at_first_unsettled_record() {
        let tracker = OffsetTracker::default();
        let delivered: Vec<_> = [5, 6, 9].map(|offset| tracker.deliver("t", 0, offset)).into();
        assert_eq!(ack(&tracker, &delivered[1]), Some(5));
        assert_eq!(ack(&tracker, &delivered[0]), Some(9));
        assert_eq!(ack(&tracker, &delivered[2]), Some(10));
        let other = tracker.deliver("t", 1, 0);
        assert_eq!(ack(&tracker, &other), Some(1));
    }

    #[test]
    fn acks_of_earlier_epochs_are_stale() {
        let tracker = OffsetTracker::default();
        let revoked = tracker.deliver("t", 0, 5);
        tracker.revoke("t", 0);
        assert_eq!(ack(&tracker, &revoked), None);
        assert_eq!(tracker.if_current(&revoked, || ()), None);
        let redelivered = tracker.deliver("t", 0, 5);
        assert_eq!(ack(&tracker, &revoked), None);
        assert_eq!(ack(&tracker, &redelivered), Some(6));
        tracker.seek("t", 0, 5);
        assert_eq!(ack(&tracker, &redelivered), None);
    }

    /// Happens if the topic is re-created, or a leader lost the end of its log.
    #[test]
    fn lower_offset_starts_a_new_epoch() {
        let tracker = OffsetTracker::default();
        let before = tracker.deliver("t", 0, 99);
        let after = tracker.deliver("t", 0, 3);
        assert_eq!(ack(&tracker, &after), Some(4));
        assert_eq!(ack(&tracker, &before), None);
        assert_eq!(tracker.position("t", 0), Some(4));
    }

    #[test]
    fn skipped_records_use_no_memory() {
        let tracker = OffsetTracker::default();
        for offset in 0..1_000 {
            tracker.skip("t", 0, offset);
        }
        assert_eq!(tracker.position("t", 0), Some(1_000));
        let partitions = tracker.lock();
        let tracked = partitions
            .by_epoch
            .values()
            .map(|partition| partition.unsettled.records.len());
        assert_eq!(tracked.collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn first_unsettled_is_independent_of_ack_order() {
        let mut unsettled = Unsettled::default();
        assert_eq!(unsettled.first(), None);
        for offset in [3, 4, 7, 9] {
            unsettled.push(offset);
        }
        let mut first_after = |offset| {
            unsettled.settle(offset);
            unsettled.first()
        };
        assert_eq!(first_after(7), Some(3));
        assert_eq!(first_after(3), Some(4));
        // Offset 5 was not delivered.
        assert_eq!(first_after(5), Some(4));
        assert_eq!(first_after(4), Some(9));
        assert_eq!(first_after(9), None);
    }
}

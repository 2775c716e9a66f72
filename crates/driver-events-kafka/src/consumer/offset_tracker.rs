//! Tracks the unsettled records of each partition, and so the offset that the group may commit.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

/// The partitions that the consumer reads.
#[derive(Debug, Default)]
pub(super) struct OffsetTracker {
    partitions: Mutex<Partitions>,
}

#[derive(Debug, Default)]
struct Partitions {
    topics: BTreeMap<Arc<str>, HashMap<i32, Arc<PartitionEpoch>>>,
    /// The partition that was looked up last: its next records usually follow.
    last: Option<Arc<PartitionEpoch>>,
}

/// A partition from its assignment, or from a seek, until it is revoked or sought.
#[derive(Debug)]
struct PartitionEpoch {
    topic: Arc<str>,
    partition: i32,
    /// `None` once the epoch has ended: its deliveries are stale.
    tracked: Mutex<Option<Tracked>>,
}

#[derive(Debug)]
struct Tracked {
    unsettled: Unsettled,
    /// Offset of the next record to deliver.
    position: i64,
    /// The list of this partition with the offset that was stored last. librdkafka keeps a reference to its own partition in it,
    /// which saves each store the lookup, but must not outlive the consumer.
    stored: Option<TopicPartitionList>,
}

/// Identifies a delivery when it is settled.
#[derive(Clone, Debug)]
pub(super) struct DeliveryId {
    epoch: Arc<PartitionEpoch>,
    pub(super) offset: i64,
}

impl OffsetTracker {
    /// Tracks a delivered record that will be settled.
    pub(super) fn deliver(&self, topic: &str, partition: i32, offset: i64) -> DeliveryId {
        self.track(topic, partition, offset, true)
    }

    /// Advances past a record that will not be settled.
    pub(super) fn skip(&self, topic: &str, partition: i32, offset: i64) -> DeliveryId {
        self.track(topic, partition, offset, false)
    }

    /// Advances to a later offset: the records before it cannot be read.
    pub(super) fn advance(&self, topic: &str, partition: i32, next: i64) {
        if let Some(epoch) = self.current(topic, partition)
            && let Some(tracked) = &mut *epoch.tracked()
        {
            tracked.position = tracked.position.max(next);
        }
    }

    /// Starts a new epoch of a partition at this offset.
    pub(super) fn seek(&self, topic: &str, partition: i32, offset: i64) {
        self.begin_epoch(topic, partition, offset);
    }

    /// Stops tracking a revoked partition.
    pub(super) fn revoke(&self, topic: &str, partition: i32) {
        let mut partitions = self.partitions();
        partitions.last = None;
        let numbers = partitions.topics.get_mut(topic);
        let removed = numbers.and_then(|numbers| numbers.remove(&partition));
        drop(partitions);
        if let Some(epoch) = removed {
            epoch.end();
        }
    }

    /// Drops all references to librdkafka's partitions.
    pub(super) fn release(&self) {
        let partitions = self.partitions();
        for epoch in partitions.topics.values().flat_map(HashMap::values) {
            if let Some(tracked) = &mut *epoch.tracked() {
                tracked.stored = None;
            }
        }
    }

    /// Returns the offset of the next record to deliver; `None` before the first record or seek.
    pub(super) fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        let epoch = self.current(topic, partition)?;
        let tracked = epoch.tracked();
        Some(tracked.as_ref()?.position)
    }

    /// Returns whether a delivered record of the partition is unsettled.
    pub(super) fn has_unsettled(&self, topic: &str, partition: i32) -> bool {
        self.current(topic, partition).is_some_and(|epoch| {
            let tracked = epoch.tracked();
            tracked
                .as_ref()
                .is_some_and(|tracked| tracked.unsettled.first().is_some())
        })
    }

    fn track(&self, topic: &str, partition: i32, offset: i64, is_unsettled: bool) -> DeliveryId {
        let epoch = match self.current(topic, partition) {
            Some(epoch) if epoch.track(offset, is_unsettled) => epoch,
            // Offsets decrease only if the topic was re-created or the leader lost the end of its log.
            _ => {
                let epoch = self.begin_epoch(topic, partition, offset);
                epoch.track(offset, is_unsettled);
                epoch
            }
        };
        DeliveryId { epoch, offset }
    }

    fn current(&self, topic: &str, partition: i32) -> Option<Arc<PartitionEpoch>> {
        let mut partitions = self.partitions();
        if let Some(last) = &partitions.last
            && last.partition == partition
            && *last.topic == *topic
        {
            return Some(Arc::clone(last));
        }
        let found = partitions.topics.get(topic)?.get(&partition).map(Arc::clone);
        partitions.last.clone_from(&found);
        found
    }

    fn begin_epoch(&self, topic: &str, partition: i32, offset: i64) -> Arc<PartitionEpoch> {
        let topic = Arc::<str>::from(topic);
        let epoch = Arc::new(PartitionEpoch {
            topic: Arc::clone(&topic),
            partition,
            tracked: Mutex::new(Some(Tracked {
                unsettled: Unsettled::default(),
                position: offset,
                stored: None,
            })),
        });
        let mut partitions = self.partitions();
        partitions.last = Some(Arc::clone(&epoch));
        let numbers = partitions.topics.entry(topic).or_default();
        let before = numbers.insert(partition, Arc::clone(&epoch));
        drop(partitions);
        if let Some(before) = before {
            before.end();
        }
        epoch
    }

    fn partitions(&self) -> MutexGuard<'_, Partitions> {
        // Never poisoned: no code panics while it holds the lock.
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartitionEpoch {
    /// Advances past a record. Returns `false` if its offset is below the position, or the epoch has ended.
    fn track(&self, offset: i64, is_unsettled: bool) -> bool {
        match &mut *self.tracked() {
            Some(tracked) if offset >= tracked.position => {
                tracked.position = offset + 1;
                if is_unsettled {
                    tracked.unsettled.push(offset);
                }
                true
            }
            _ => false,
        }
    }

    /// Makes all deliveries stale. Waits for a `store` that is running.
    fn end(&self) {
        *self.tracked() = None;
    }

    fn tracked(&self) -> MutexGuard<'_, Option<Tracked>> {
        // Never poisoned: no code panics while it holds the lock.
        self.tracked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeliveryId {
    pub(super) fn topic(&self) -> &Arc<str> {
        &self.epoch.topic
    }

    pub(super) fn partition(&self) -> i32 {
        self.epoch.partition
    }

    pub(super) fn is_same_epoch(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.epoch, &other.epoch)
    }

    /// Returns whether the partition was revoked or sought since.
    pub(super) fn is_stale(&self) -> bool {
        self.epoch.tracked().is_none()
    }

    /// Settles the record, and calls `store` with the partition and the offset to commit: all records before it are settled.
    /// Returns `None` if the delivery is stale: the partition was revoked or sought, and the record is redelivered.
    ///
    /// `store` runs under the lock of the partition. So no lower offset is stored after a higher one, and none after a
    /// revocation.
    pub(super) fn settle(&self, store: impl FnOnce(&TopicPartitionList) -> KafkaResult<()>) -> Option<KafkaResult<()>> {
        let mut tracked = self.epoch.tracked();
        let Tracked {
            unsettled,
            position,
            stored,
        } = tracked.as_mut()?;
        unsettled.settle(self.offset);
        let offset = Offset::Offset(unsettled.first().unwrap_or(*position));
        let set = match stored {
            Some(list) => list.set_all_offsets(offset),
            None => {
                let list = stored.insert(TopicPartitionList::with_capacity(1));
                list.add_partition_offset(&self.epoch.topic, self.epoch.partition, offset)
            }
        };
        Some(set.and_then(|()| stored.as_ref().map_or(Ok(()), store)))
    }

    /// Calls `work` under the lock of the partition, unless the delivery is stale.
    pub(super) fn if_current<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let tracked = self.epoch.tracked();
        tracked.as_ref()?;
        Some(work())
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
    use rdkafka::TopicPartitionList;

    use super::{DeliveryId, OffsetTracker, Unsettled};

    /// Acks a delivery and returns the offset that is stored for it.
    fn ack(id: &DeliveryId) -> Option<i64> {
        let mut offset = None;
        let store = |stored: &TopicPartitionList| {
            offset = stored
                .elements_for_topic("t")
                .first()
                .and_then(|element| element.offset().to_raw());
            Ok(())
        };
        id.settle(store)?.unwrap();
        offset
    }

    #[test]
    fn stored_offset_stops_at_first_unsettled_record() {
        let tracker = OffsetTracker::default();
        let delivered: Vec<_> = [5, 6, 9].map(|offset| tracker.deliver("t", 0, offset)).into();
        assert_eq!(ack(&delivered[1]), Some(5));
        assert_eq!(ack(&delivered[0]), Some(9));
        assert_eq!(ack(&delivered[2]), Some(10));
        let other = tracker.deliver("t", 1, 0);
        assert_eq!(ack(&other), Some(1));
    }

    #[test]
    fn acks_of_earlier_epochs_are_stale() {
        let tracker = OffsetTracker::default();
        let revoked = tracker.deliver("t", 0, 5);
        tracker.revoke("t", 0);
        assert_eq!(ack(&revoked), None);
        assert_eq!(revoked.if_current(|| ()), None);
        let redelivered = tracker.deliver("t", 0, 5);
        assert_eq!(ack(&revoked), None);
        assert_eq!(ack(&redelivered), Some(6));
        tracker.seek("t", 0, 5);
        assert_eq!(ack(&redelivered), None);
    }

    /// Happens if the topic is re-created, or a leader lost the end of its log.
    #[test]
    fn lower_offset_starts_a_new_epoch() {
        let tracker = OffsetTracker::default();
        let before = tracker.deliver("t", 0, 99);
        let after = tracker.deliver("t", 0, 3);
        assert_eq!(ack(&after), Some(4));
        assert_eq!(ack(&before), None);
        assert_eq!(tracker.position("t", 0), Some(4));
    }

    #[test]
    fn ack_of_unreadable_records_commits_all_of_them() {
        let tracker = OffsetTracker::default();
        let unreadable = tracker.deliver("t", 0, 5);
        tracker.advance("t", 0, 9);
        assert_eq!(ack(&unreadable), Some(9));
        assert_eq!(tracker.position("t", 0), Some(9));
    }

    /// Deliveries may outlive the consumer.
    #[test]
    fn released_tracker_keeps_no_list_of_librdkafka() {
        let tracker = OffsetTracker::default();
        let delivered = tracker.deliver("t", 0, 5);
        let has_list = || delivered.epoch.tracked().as_ref().unwrap().stored.is_some();
        assert_eq!(ack(&delivered), Some(6));
        assert!(has_list());
        tracker.release();
        assert!(!has_list());
        assert!(!delivered.is_stale());
    }

    #[test]
    fn skipped_records_use_no_memory() {
        let tracker = OffsetTracker::default();
        for offset in 0..1_000 {
            tracker.skip("t", 0, offset);
        }
        assert_eq!(tracker.position("t", 0), Some(1_000));
        let epoch = tracker.current("t", 0).unwrap();
        assert_eq!(epoch.tracked().as_ref().unwrap().unsettled.records.len(), 0);
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

//! Partitions whose position does not move although they have records.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::Statistics;
use rdkafka::statistics::Partition;
use tokio::sync::mpsc;

/// A partition with a batch at its position that may be unreadable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Suspect {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// Offset of the next record to deliver; `None` before the first.
    pub(super) position: Option<i64>,
}

/// Compares consecutive statistics, and sends the partitions that have stalled.
#[derive(Clone, Debug)]
pub(super) struct StalledPartitions {
    stalled: mpsc::UnboundedSender<Vec<(String, i32)>>,
    last: Arc<Mutex<HashMap<(String, i32), Stall>>>,
}

/// A partition that had stalled in the last statistics.
#[derive(Debug)]
struct Stall {
    next_offset: i64,
    /// Number of statistics in a row with this offset.
    count: u32,
}

impl StalledPartitions {
    pub(super) fn new(stalled: mpsc::UnboundedSender<Vec<(String, i32)>>) -> Self {
        let last = Arc::default();
        Self { stalled, last }
    }

    /// Sends each partition that has stalled at the same offset in two statistics, and again in 4, 8, 16 and so on up to every
    /// 64th: a partition behind a full fetch queue looks the same.
    pub(super) fn update(&self, statistics: &Statistics) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = mem::take(&mut *last);
        let mut stalled = Vec::new();
        for topic in statistics.topics.values() {
            for partition in topic.partitions.values().filter(|partition| has_stalled(partition)) {
                let key = (topic.topic.clone(), partition.partition);
                let count = match before.get(&key) {
                    Some(stall) if stall.next_offset == partition.next_offset => stall.count.saturating_add(1),
                    _ => 1,
                };
                if count > 1 && (count.is_power_of_two() || count % 64 == 0) {
                    stalled.push(key.clone());
                }
                let next_offset = partition.next_offset;
                last.insert(key, Stall { next_offset, count });
            }
        }
        drop(last);
        if !stalled.is_empty() {
            // The receiver is gone after the source.
            let _ = self.stalled.send(stalled);
        }
    }
}

/// Returns whether records are left on the broker although those that were fetched are delivered.
fn has_stalled(partition: &Partition) -> bool {
    // The fetch queue is that of all partitions, so another one may have records in it.
    let is_delivered = match partition.app_offset {
        delivered @ 0.. => delivered == partition.next_offset,
        // Nothing was delivered yet, nor fetched.
        _ => [partition.committed_offset, partition.lo_offset].contains(&partition.next_offset),
    };
    let end = match partition.ls_offset {
        offset @ 0.. => offset.min(partition.hi_offset),
        _ => partition.hi_offset,
    };
    partition.fetch_state == "active"
        && (partition.fetchq_cnt == 0 || is_delivered)
        && (0..end).contains(&partition.next_offset)
}

#[cfg(test)]
mod tests {
    use rdkafka::Statistics;
    use rdkafka::statistics::{Partition, Topic};
    use tokio::sync::mpsc;

    use super::{StalledPartitions, has_stalled};

    fn statistics(partition: &Partition) -> Statistics {
        let topic = Topic {
            topic: "a".to_owned(),
            partitions: [(0, partition.clone())].into(),
            ..Topic::default()
        };
        Statistics {
            topics: [("a".to_owned(), topic)].into(),
            ..Statistics::default()
        }
    }

    #[test]
    fn partition_that_stays_at_an_offset_is_sent_less_and_less_often() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let stalled = StalledPartitions::new(sender);
        let mut update = |next_offset, fetchq_cnt| {
            stalled.update(&statistics(&Partition {
                fetch_state: "active".to_owned(),
                fetchq_cnt,
                next_offset,
                app_offset: -1001,
                lo_offset: 2,
                hi_offset: 9,
                ls_offset: 9,
                ..Partition::default()
            }));
            receiver.try_recv().is_ok()
        };
        assert_eq!(
            [(5, 0), (5, 3), (5, 0), (5, 0)].map(|(at, queued)| update(at, queued)),
            [false, false, false, true]
        );
        let sent: Vec<_> = (3..=256).filter(|_| update(5, 0)).collect();
        assert_eq!(sent.len(), 8);
        assert_eq!(sent, [4, 8, 16, 32, 64, 128, 192, 256]);
        assert!(![7, 9, 9].into_iter().any(|at| update(at, 0)));
    }

    #[test]
    fn records_of_other_partitions_may_be_queued() {
        let partition = |app_offset, next_offset| Partition {
            fetch_state: "active".to_owned(),
            fetchq_cnt: 1_000,
            next_offset,
            app_offset,
            committed_offset: 4,
            lo_offset: 2,
            hi_offset: 9,
            ls_offset: 9,
            ..Partition::default()
        };
        for (delivered, next, stalled) in [
            (5, 5, true),
            (5, 7, false),
            (9, 9, false),
            (-1001, 4, true),
            (-1001, 2, true),
            (-1001, 6, false),
        ] {
            assert_eq!(has_stalled(&partition(delivered, next)), stalled, "{delivered}, {next}");
        }
    }
}

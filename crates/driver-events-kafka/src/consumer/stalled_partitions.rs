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
    /// The partitions that had stalled in the last statistics and were not sent, and their next offsets.
    last: Arc<Mutex<HashMap<(String, i32), i64>>>,
}

impl StalledPartitions {
    pub(super) fn new(stalled: mpsc::UnboundedSender<Vec<(String, i32)>>) -> Self {
        let last = Arc::default();
        Self { stalled, last }
    }

    /// Sends each partition that had stalled in the last statistics, too, at the same offset.
    pub(super) fn update(&self, statistics: &Statistics) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = mem::take(&mut *last);
        let mut stalled = Vec::new();
        for topic in statistics.topics.values() {
            for partition in topic.partitions.values().filter(|partition| has_stalled(partition)) {
                let key = (topic.topic.clone(), partition.partition);
                match before.get(&key) {
                    Some(offset) if *offset == partition.next_offset => stalled.push(key),
                    _ => {
                        last.insert(key, partition.next_offset);
                    }
                }
            }
        }
        drop(last);
        if !stalled.is_empty() {
            // The receiver is gone after the source.
            let _ = self.stalled.send(stalled);
        }
    }
}

/// Returns whether records are left on the broker although the fetch queue is empty.
fn has_stalled(partition: &Partition) -> bool {
    let end = match partition.ls_offset {
        offset @ 0.. => offset.min(partition.hi_offset),
        _ => partition.hi_offset,
    };
    partition.fetch_state == "active" && partition.fetchq_cnt == 0 && (0..end).contains(&partition.next_offset)
}

#[cfg(test)]
mod tests {
    use rdkafka::Statistics;
    use rdkafka::statistics::{Partition, Topic};
    use tokio::sync::mpsc;

    use super::StalledPartitions;

    #[test]
    fn partition_stalled_in_two_statistics_is_sent() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let stalled = StalledPartitions::new(sender);
        let mut update = |next_offset, queued| {
            let partition = Partition {
                fetch_state: "active".to_owned(),
                fetchq_cnt: queued,
                next_offset,
                hi_offset: 9,
                ls_offset: 9,
                ..Partition::default()
            };
            let topic = Topic {
                topic: "a".to_owned(),
                partitions: [(0, partition)].into(),
                ..Topic::default()
            };
            let topics = [("a".to_owned(), topic)].into();
            stalled.update(&Statistics {
                topics,
                ..Statistics::default()
            });
            receiver.try_recv().ok()
        };
        let sent = Some(vec![("a".to_owned(), 0)]);
        assert_eq!(update(5, 0), None);
        assert_eq!(update(5, 3), None);
        assert_eq!(update(5, 0), None);
        assert_eq!(update(5, 0), sent);
        assert_eq!(update(5, 0), None);
        assert_eq!(update(5, 0), sent);
        assert_eq!(update(5, 0), None);
        assert_eq!(update(7, 0), None);
        assert_eq!(update(7, 0), sent);
        assert_eq!(update(9, 0), None);
        assert_eq!(update(9, 0), None);
    }
}

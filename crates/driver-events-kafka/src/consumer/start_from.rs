//! The start position of a source.

use chrono::{DateTime, Utc};
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::callbacks::Client;
use crate::admin::metadata::REQUEST_TIMEOUT;

/// Where a reader starts, unless its group has committed offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartFrom {
    /// The first record that the topic still has.
    #[default]
    Earliest,
    /// Records produced from now on.
    Latest,
    /// The first record with this timestamp or a later one. A record's timestamp is the time of its event.
    Time(DateTime<Utc>),
}

impl StartFrom {
    /// Returns the start offsets of these partitions. They are fixed now, not when the first record is fetched.
    pub(super) fn offsets(self, consumer: &Client, partitions: &TopicPartitionList) -> KafkaResult<TopicPartitionList> {
        let mut starts = partitions.clone();
        match self {
            Self::Earliest => {
                starts.set_all_offsets(Offset::Beginning)?;
                return Ok(starts);
            }
            Self::Latest => starts.set_all_offsets(Offset::End)?,
            Self::Time(time) => {
                starts.set_all_offsets(Offset::Offset(time.timestamp_millis().max(0)))?;
                starts = consumer.offsets_for_times(starts, REQUEST_TIMEOUT)?;
            }
        }
        let mut exact = TopicPartitionList::with_capacity(starts.count());
        for partition in starts.elements() {
            let offset = match partition.offset() {
                // `offsets_for_times` returns it, too, if no record is that recent.
                Offset::End => {
                    let (topic, partition) = (partition.topic(), partition.partition());
                    let (_, high_watermark) = consumer.fetch_watermarks(topic, partition, REQUEST_TIMEOUT)?;
                    Offset::Offset(high_watermark)
                }
                offset => offset,
            };
            exact.add_partition_offset(partition.topic(), partition.partition(), offset)?;
        }
        Ok(exact)
    }

    /// Commits the start offsets of the partitions without a committed offset, so that a restart does not move the start of
    /// a partition without records. [`Earliest`](Self::Earliest) needs no commit.
    ///
    /// Brokers refuse this commit if the group has members, which have committed the start before.
    pub(super) fn commit(self, consumer: &Client, partitions: &TopicPartitionList) -> KafkaResult<()> {
        if self == Self::Earliest {
            return Ok(());
        }
        let committed = consumer.committed_offsets(partitions.clone(), REQUEST_TIMEOUT)?;
        let mut uncommitted = TopicPartitionList::new();
        for partition in committed.elements() {
            if partition.offset() == Offset::Invalid {
                uncommitted.add_partition(partition.topic(), partition.partition());
            }
        }
        match uncommitted.count() {
            0 => Ok(()),
            _ => consumer.commit(&self.offsets(consumer, &uncommitted)?, CommitMode::Sync),
        }
    }
}

//! Where reading begins.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use crate::context::Context;

/// How long the brokers have for each answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Where a reader begins, unless its group has committed something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartFrom {
    /// The first record that the topic still has.
    #[default]
    Earliest,
    /// What is produced from now on.
    Latest,
    /// The first record whose time is this or later. Records have the time of their events.
    Time(DateTime<Utc>),
}

impl StartFrom {
    /// Where to begin in these partitions. What comes after that is read, however long the reading takes to begin.
    pub(crate) fn offsets<R>(
        self,
        consumer: &StreamConsumer<Context<R>>,
        partitions: &TopicPartitionList,
    ) -> KafkaResult<TopicPartitionList>
    where
        Context<R>: rdkafka::consumer::ConsumerContext,
    {
        let mut starts = partitions.clone();
        match self {
            Self::Earliest => {
                starts.set_all_offsets(Offset::Beginning)?;
                return Ok(starts);
            }
            Self::Latest => starts.set_all_offsets(Offset::End)?,
            Self::Time(time) => {
                starts.set_all_offsets(Offset::Offset(time.timestamp_millis().max(0)))?;
                starts = consumer.offsets_for_times(starts, PATIENCE)?;
            }
        }
        let mut exact = TopicPartitionList::with_capacity(starts.count());
        for partition in starts.elements() {
            let offset = match partition.offset() {
                // Also where nothing is that young.
                Offset::End => {
                    let (_, end) = consumer.fetch_watermarks(partition.topic(), partition.partition(), PATIENCE)?;
                    Offset::Offset(end)
                }
                offset => offset,
            };
            exact.add_partition_offset(partition.topic(), partition.partition(), offset)?;
        }
        Ok(exact)
    }

    /// Commits the start of a group where it has committed nothing yet, so that it stays that of the group, also where a
    /// partition has nothing to commit for long. The first record needs none.
    ///
    /// A group that has members has begun already, and takes no commit from others.
    pub(crate) fn commit<R>(
        self,
        consumer: &StreamConsumer<Context<R>>,
        partitions: &TopicPartitionList,
    ) -> KafkaResult<()>
    where
        Context<R>: rdkafka::consumer::ConsumerContext,
    {
        if self == Self::Earliest {
            return Ok(());
        }
        let committed = consumer.committed_offsets(partitions.clone(), PATIENCE)?;
        let mut fresh = TopicPartitionList::new();
        for partition in committed.elements() {
            if partition.offset() == Offset::Invalid {
                fresh.add_partition(partition.topic(), partition.partition());
            }
        }
        match fresh.count() {
            0 => Ok(()),
            _ => consumer.commit(&self.offsets(consumer, &fresh)?, CommitMode::Sync),
        }
    }
}

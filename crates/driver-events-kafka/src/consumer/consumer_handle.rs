use std::fmt;
use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use driver_events_core::{SourceError, SourceErrorKind};
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Partition;
use rdkafka::{Offset, TopicPartitionList};

use super::callbacks::Client;
use super::errors::is_group_authorization_error;
use super::offset_tracker::{DeliveryId, OffsetTracker};
use super::stalled_partitions::Suspect;
use super::unreadable_batches::UnreadableBatch;
use crate::client::detached::drop_detached;
use crate::client::state::KafkaState;
use crate::wire::quiet_panic::catch_quietly;

/// librdkafka's consumer. It is dropped with its source, even if deliveries are unsettled.
pub(super) struct Consumer {
    client: Option<Client>,
    tracker: Arc<OffsetTracker>,
}

impl Consumer {
    pub(super) fn new(client: Client, tracker: Arc<OffsetTracker>) -> Arc<Self> {
        let client = Some(client);
        Arc::new(Self { client, tracker })
    }

    pub(super) fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// Takes the client for its destructor.
    fn take_client(&mut self) -> Option<Client> {
        self.tracker.release();
        self.client.take()
    }

    /// Polls for librdkafka's events (logs, errors, token requests) while the source delivers no records.
    ///
    /// Resolves only if joining the group is not permitted: librdkafka reports that once.
    pub(super) async fn poll_events(&self, is_grouped: bool) -> KafkaError {
        let Some(client) = &self.client else {
            return pending().await;
        };
        loop {
            // `KafkaState` has recorded all other errors.
            match client.recv().await {
                Err(error) if is_grouped && is_group_authorization_error(&error) => return error,
                _ => {}
            }
        }
    }

    /// Commits the stored offsets. Blocks until the broker has responded.
    pub(super) fn commit(&self) -> Result<(), KafkaError> {
        let Some(client) = &self.client else {
            return Ok(());
        };
        match client.commit_consumer_state(CommitMode::Sync) {
            // Nothing was stored since the last commit.
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) => Ok(()),
            committed => committed,
        }
    }

    /// Leaves the group and blocks until its coordinator has responded. If a delivery is being settled meanwhile, that
    /// drops the consumer instead, in the background.
    pub(super) fn close(self: Arc<Self>) {
        if let Some(mut consumer) = Arc::into_inner(self) {
            drop(consumer.take_client());
        }
    }
}

/// Drops the client on a detached thread, since leaving the group blocks.
impl Drop for Consumer {
    fn drop(&mut self) {
        if let Some(client) = self.take_client() {
            drop_detached(client);
        }
    }
}

/// Settles deliveries. Does not keep the consumer alive.
pub(super) struct ConsumerHandle {
    state: KafkaState,
    tracker: Arc<OffsetTracker>,
    consumer: Weak<Consumer>,
}

impl ConsumerHandle {
    pub(super) fn new(state: KafkaState, tracker: Arc<OffsetTracker>, consumer: &Arc<Consumer>) -> Self {
        Self {
            state,
            tracker,
            consumer: Arc::downgrade(consumer),
        }
    }

    pub(super) fn state(&self) -> &KafkaState {
        &self.state
    }

    pub(super) fn tracker(&self) -> &OffsetTracker {
        &self.tracker
    }

    /// Returns how many records of the fetched partitions are not delivered yet, as of the latest statistics.
    pub(super) fn lag(&self) -> Option<u64> {
        let statistics = self.state.statistics()?;
        let mut lag = 0;
        for topic in statistics.topics.values() {
            let partitions = topic.partitions.values();
            for partition in partitions.filter(|partition| !["none", "stopped"].contains(&&*partition.fetch_state)) {
                // Before the first delivery the position is the committed offset, or else the low watermark.
                let start_offsets = [partition.committed_offset, partition.lo_offset];
                let start = || start_offsets.into_iter().find(|offset| *offset >= 0);
                let position = self
                    .tracker
                    .position(&topic.topic, partition.partition)
                    .or_else(start)?;
                let position = position.max(self.fetched(&topic.topic, partition));
                let high_watermark = Some(partition.hi_offset).filter(|offset| *offset >= 0)?;
                lag += u64::try_from(high_watermark - position).unwrap_or_default();
            }
        }
        Some(lag)
    }

    /// Returns the offset before which nothing is left to deliver, if all fetched records are delivered and settled: unlike the
    /// last delivery it is behind transaction markers, aborted records and offsets that compaction has emptied.
    fn fetched(&self, topic: &str, partition: &Partition) -> i64 {
        let is_delivered = partition.fetchq_cnt == 0 && !self.tracker.has_unsettled(topic, partition.partition);
        if is_delivered { partition.next_offset } else { -1 }
    }

    /// Settles a delivery and stores the offset that librdkafka may commit.
    pub(super) fn ack(&self, id: &DeliveryId) -> Result<(), SourceError> {
        let consumer = self.consumer();
        let Some(client) = consumer.as_ref().and_then(|consumer| consumer.client()) else {
            return Err(stale(id));
        };
        match id.settle(|partition| client.store_offsets(partition)) {
            None => Err(stale(id)),
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::State) => Err(stale(id)),
            Some(stored) => stored.map_err(|error| self.disconnected("cannot store the offset", error)),
        }
    }

    /// Pauses the delivery's partition.
    pub(super) fn pause(&self, id: &DeliveryId) -> Result<(), SourceError> {
        let consumer = self.consumer();
        let paused = id.if_current(|| with_partition(consumer.as_deref(), id, |client, list| client.pause(list)));
        match paused {
            None => Err(stale(id)),
            Some(paused) => paused.map_err(|error| self.disconnected("cannot pause the partition", error)),
        }
    }

    /// Resumes a paused partition at this delivery.
    pub(super) fn seek_and_resume(&self, id: &DeliveryId) -> Result<(), SourceError> {
        let consumer = self.consumer();
        let resumed = id.if_current(|| {
            with_partition(consumer.as_deref(), id, |client, list| {
                client.seek(id.topic(), id.partition(), Offset::Offset(id.offset), Duration::ZERO)?;
                client.resume(list)
            })
        });
        match resumed {
            // The partition was revoked since, and is read from the committed offset.
            None => Ok(()),
            Some(Err(error)) if is_revoked(&error) => Ok(()),
            Some(Err(error)) => Err(self.disconnected("cannot seek back in the partition", error)),
            Some(Ok(())) => {
                self.tracker.seek(id.topic(), id.partition(), id.offset);
                Ok(())
            }
        }
    }

    /// Seeks past an unreadable batch. Returns the delivery of its first offset; `None` if the partition was revoked or its
    /// position has changed since.
    pub(super) fn step_over(
        &self,
        batch: &UnreadableBatch,
        is_grouped: bool,
    ) -> Result<Option<DeliveryId>, SourceError> {
        let Suspect {
            topic,
            partition,
            position,
        } = &batch.suspect;
        let consumer = self.consumer();
        let Some(client) = consumer.as_ref().and_then(|consumer| consumer.client()) else {
            return Ok(None);
        };
        let is_current = || {
            let assigned = client.assignment()?.find_partition(topic, *partition).is_some();
            Ok(assigned && self.tracker.position(topic, *partition) == *position)
        };
        let stepped = is_current().and_then(|is_current| {
            if is_current {
                client.seek(topic, *partition, Offset::Offset(batch.next), Duration::ZERO)?;
            }
            Ok(is_current)
        });
        match stepped {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) if is_revoked(&error) => return Ok(None),
            Err(error) => return Err(self.disconnected("cannot seek past an unreadable batch", error)),
        }
        let id = match is_grouped {
            true => self.tracker.deliver(topic, *partition, batch.first),
            false => self.tracker.skip(topic, *partition, batch.first),
        };
        self.tracker.advance(topic, *partition, batch.next);
        Ok(Some(id))
    }

    /// Returns the assigned partitions with their positions; without a consumer none.
    pub(super) fn suspects(&self) -> Vec<Suspect> {
        let consumer = self.consumer();
        let client = consumer.as_ref().and_then(|consumer| consumer.client());
        let assigned = client.and_then(|client| client.assignment().ok());
        let mut suspects = Vec::new();
        for element in assigned.iter().flat_map(|assigned| assigned.elements()) {
            // Other members of the group may assign topics whose names rdkafka cannot read.
            if let Some(topic) = catch_quietly(|| element.topic().to_owned()) {
                let partition = element.partition();
                let position = self.tracker.position(&topic, partition);
                suspects.push(Suspect {
                    topic,
                    partition,
                    position,
                });
            }
        }
        suspects
    }

    fn disconnected(&self, what: &str, error: KafkaError) -> SourceError {
        self.state.record_failure(format!("{what}: {error}"));
        SourceError::new(SourceErrorKind::Disconnected, what).with_source(error)
    }

    /// Returns the consumer, unless the source was dropped. Drop it without the lock of a partition: the destructor takes them all.
    fn consumer(&self) -> Option<Arc<Consumer>> {
        self.consumer.upgrade()
    }
}

impl fmt::Debug for ConsumerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerHandle")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

fn with_partition(
    consumer: Option<&Consumer>,
    id: &DeliveryId,
    work: impl FnOnce(&Client, &TopicPartitionList) -> KafkaResult<()>,
) -> KafkaResult<()> {
    let Some(client) = consumer.and_then(Consumer::client) else {
        // The source was dropped.
        return Err(KafkaError::StoreOffset(RDKafkaErrorCode::State));
    };
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(id.topic(), id.partition(), Offset::Offset(id.offset))?;
    work(client, &list)
}

fn is_revoked(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::State | Code::UnknownPartition | Code::UnknownTopicOrPartition)
    )
}

fn stale(id: &DeliveryId) -> SourceError {
    let message = format!(
        "stale delivery: partition {} of `{}` was revoked or rewound, and the record is redelivered",
        id.partition(),
        id.topic()
    );
    SourceError::new(SourceErrorKind::Timeout, message)
}

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use driver_events_core::{SourceError, SourceErrorKind};
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::KafkaState;
use crate::context::Context;
use crate::detached_drop::drop_detached;
use crate::errors::is_group_authorization_error;
use crate::offset_tracker::{DeliveryId, OffsetTracker};

/// librdkafka's consumer. It is dropped with its source, even if deliveries are unsettled.
pub(crate) struct Consumer(Option<StreamConsumer<Context<Arc<OffsetTracker>>>>);

impl Consumer {
    pub(crate) fn new(client: StreamConsumer<Context<Arc<OffsetTracker>>>) -> Arc<Self> {
        Arc::new(Self(Some(client)))
    }

    pub(crate) fn client(&self) -> Option<&StreamConsumer<Context<Arc<OffsetTracker>>>> {
        self.0.as_ref()
    }

    /// Polls for librdkafka's events (logs, errors, token requests) while the source delivers no records.
    ///
    /// Resolves only if joining the group is not permitted: librdkafka reports that once.
    pub(crate) async fn poll_events(&self, is_grouped: bool) -> KafkaError {
        let Some(client) = &self.0 else {
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
    pub(crate) fn commit(&self) -> Result<(), KafkaError> {
        let Some(client) = &self.0 else {
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
    pub(crate) fn close(self: Arc<Self>) {
        if let Some(mut consumer) = Arc::into_inner(self) {
            drop(consumer.take());
        }
    }

    /// Takes the client and clears the tracker, whose lists would block the client's destructor.
    fn take(&mut self) -> Option<StreamConsumer<Context<Arc<OffsetTracker>>>> {
        let client = self.0.take()?;
        client.context().role().clear();
        Some(client)
    }
}

/// Drops the client on a detached thread, since leaving the group blocks.
impl Drop for Consumer {
    fn drop(&mut self) {
        if let Some(client) = self.take() {
            drop_detached(client);
        }
    }
}

/// Settles deliveries. Does not keep the consumer alive.
pub(crate) struct ConsumerHandle {
    state: KafkaState,
    tracker: Arc<OffsetTracker>,
    consumer: Weak<Consumer>,
}

impl ConsumerHandle {
    pub(crate) fn new(state: KafkaState, tracker: Arc<OffsetTracker>, consumer: &Arc<Consumer>) -> Self {
        Self {
            state,
            tracker,
            consumer: Arc::downgrade(consumer),
        }
    }

    pub(crate) fn state(&self) -> &KafkaState {
        &self.state
    }

    pub(crate) fn tracker(&self) -> &OffsetTracker {
        &self.tracker
    }

    /// Returns how many records of the fetched partitions are not delivered yet, as of the latest statistics.
    pub(crate) fn lag(&self) -> Option<u64> {
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
                let high_watermark = Some(partition.hi_offset).filter(|offset| *offset >= 0)?;
                lag += u64::try_from(high_watermark - position).unwrap_or_default();
            }
        }
        Some(lag)
    }

    /// Settles a delivery and stores the offset that librdkafka may commit.
    pub(crate) fn ack(&self, id: &DeliveryId) -> Result<(), SourceError> {
        let stored = self.tracker.settle(id, |partition| {
            self.with_client(|client| client.store_offsets(partition))
        });
        match stored {
            None => Err(stale(id)),
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::State) => Err(stale(id)),
            Some(stored) => stored.map_err(|error| disconnected("cannot store the offset", error)),
        }
    }

    /// Pauses the delivery's partition.
    pub(crate) fn pause(&self, id: &DeliveryId) -> Result<(), SourceError> {
        let paused = self.tracker.if_current(id, || {
            self.with_partition(id, |client, partition| client.pause(partition))
        });
        match paused {
            None => Err(stale(id)),
            Some(paused) => paused.map_err(|error| disconnected("cannot pause the partition", error)),
        }
    }

    /// Resumes a paused partition at this delivery.
    pub(crate) fn seek_and_resume(&self, id: &DeliveryId) -> Result<(), SourceError> {
        let resumed = self.tracker.if_current(id, || {
            self.with_partition(id, |client, list| {
                let offset = Offset::Offset(id.offset);
                client.seek(&id.topic, id.partition, offset, Duration::ZERO)?;
                client.resume(list)
            })
        });
        match resumed {
            // The partition was revoked since, and is read from the committed offset.
            None => Ok(()),
            Some(Err(error)) if is_revoked(&error) => Ok(()),
            Some(Err(error)) => Err(disconnected("cannot seek back in the partition", error)),
            Some(Ok(())) => {
                self.tracker.seek(&id.topic, id.partition, id.offset);
                Ok(())
            }
        }
    }

    fn with_partition(
        &self,
        id: &DeliveryId,
        work: impl FnOnce(&StreamConsumer<Context<Arc<OffsetTracker>>>, &TopicPartitionList) -> Result<(), KafkaError>,
    ) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&id.topic, id.partition);
        self.with_client(|client| work(client, &list))
    }

    fn with_client(
        &self,
        work: impl FnOnce(&StreamConsumer<Context<Arc<OffsetTracker>>>) -> Result<(), KafkaError>,
    ) -> Result<(), KafkaError> {
        let consumer = self.consumer.upgrade();
        match consumer.as_ref().and_then(|consumer| consumer.client()) {
            Some(client) => work(client),
            // The source was dropped.
            None => Err(KafkaError::StoreOffset(RDKafkaErrorCode::State)),
        }
    }
}

impl fmt::Debug for ConsumerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerHandle")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
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
        id.partition, id.topic
    );
    SourceError::new(SourceErrorKind::Timeout, message)
}

fn disconnected(what: &str, error: KafkaError) -> SourceError {
    SourceError::new(SourceErrorKind::Disconnected, what).with_source(error)
}

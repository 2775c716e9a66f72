use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use driver_events_core::{SourceError, SourceErrorKind};
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::KafkaState;
use crate::context::Context;
use crate::drop_elsewhere::drop_elsewhere;
use crate::errors::is_about_the_group;
use crate::offsets::{Delivered, Offsets};

/// One consumer of librdkafka's. It ends with its source, whatever was not answered.
pub(crate) struct Client(Option<StreamConsumer<Context<Arc<Offsets>>>>);

impl Client {
    pub(crate) fn new(consumer: StreamConsumer<Context<Arc<Offsets>>>) -> Arc<Self> {
        Arc::new(Self(Some(consumer)))
    }

    pub(crate) fn consumer(&self) -> Option<&StreamConsumer<Context<Arc<Offsets>>>> {
        self.0.as_ref()
    }

    /// Serves what librdkafka tells of itself, as its log, its errors and its wish for a token, while it has nothing to
    /// read yet and nobody asks for deliveries.
    ///
    /// Ends only where a group must not be joined, with that error: librdkafka does not tell it again.
    pub(crate) async fn serve(&self, is_grouped: bool) -> KafkaError {
        let Some(consumer) = &self.0 else {
            return pending().await;
        };
        loop {
            // Of other errors the state has taken note.
            match consumer.recv().await {
                Err(error) if is_grouped && is_about_the_group(&error) => return error,
                _ => {}
            }
        }
    }

    /// Commits what was answered, and waits for the broker.
    pub(crate) fn commit(&self) -> Result<(), KafkaError> {
        let Some(consumer) = &self.0 else {
            return Ok(());
        };
        match consumer.commit_consumer_state(CommitMode::Sync) {
            // Nothing was answered since the last commit.
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) => Ok(()),
            committed => committed,
        }
    }

    /// Leaves the group, and waits for its broker. Where an answer is just being given, that ends it instead, in the
    /// background.
    pub(crate) fn end(self: Arc<Self>) {
        if let Some(mut client) = Arc::into_inner(self) {
            drop(client.take());
        }
    }

    /// While somebody keeps what a partition has stored, the consumer does not end.
    fn take(&mut self) -> Option<StreamConsumer<Context<Arc<Offsets>>>> {
        let consumer = self.0.take()?;
        consumer.context().role().forget_all();
        Some(consumer)
    }
}

/// Leaving a group waits for its broker.
impl Drop for Client {
    fn drop(&mut self) {
        if let Some(consumer) = self.take() {
            drop_elsewhere(consumer);
        }
    }
}

/// What answers need of the consumer that delivered, as long as that is there.
pub(crate) struct Member {
    state: KafkaState,
    offsets: Arc<Offsets>,
    client: Weak<Client>,
}

impl Member {
    pub(crate) fn new(state: KafkaState, offsets: Arc<Offsets>, client: &Arc<Client>) -> Self {
        Self {
            state,
            offsets,
            client: Arc::downgrade(client),
        }
    }

    pub(crate) fn state(&self) -> &KafkaState {
        &self.state
    }

    pub(crate) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// How many records of the partitions that are read were not delivered, as of the newest statistics.
    pub(crate) fn lag(&self) -> Option<u64> {
        let statistics = self.state.statistics()?;
        let mut lag = 0;
        for topic in statistics.topics.values() {
            let partitions = topic.partitions.values();
            for partition in partitions.filter(|partition| !["none", "stopped"].contains(&&*partition.fetch_state)) {
                // Those that a group has not begun are read from what it has committed, or from the first record.
                let begins = [partition.committed_offset, partition.lo_offset];
                let begins = || begins.into_iter().find(|offset| *offset >= 0);
                let next = self.offsets.end(&topic.topic, partition.partition).or_else(begins)?;
                let end = Some(partition.hi_offset).filter(|offset| *offset >= 0)?;
                lag += u64::try_from(end - next).unwrap_or_default();
            }
        }
        Some(lag)
    }

    /// Takes note that the work on a record is done: librdkafka commits it soon.
    pub(crate) fn done(&self, delivered: &Delivered) -> Result<(), SourceError> {
        let stored = self.offsets.answer(delivered, |partition| {
            self.with_consumer(|consumer| consumer.store_offsets(partition))
        });
        match stored {
            None => Err(late(delivered)),
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::State) => Err(late(delivered)),
            Some(stored) => stored.map_err(|error| broken("the offset cannot be stored", error)),
        }
    }

    /// Delivers no more of the partition for now.
    pub(crate) fn pause(&self, delivered: &Delivered) -> Result<(), SourceError> {
        let paused = self.offsets.if_current(delivered, || {
            self.with_partition(delivered, |consumer, partition| consumer.pause(partition))
        });
        match paused {
            None => Err(late(delivered)),
            Some(paused) => paused.map_err(|error| broken("the partition cannot wait", error)),
        }
    }

    /// Goes on with a partition that waits, from this delivery.
    pub(crate) fn read_again(&self, delivered: &Delivered) -> Result<(), SourceError> {
        let moved = self.offsets.if_current(delivered, || {
            self.with_partition(delivered, |consumer, list| {
                let offset = Offset::Offset(delivered.offset);
                consumer.seek(&delivered.topic, delivered.partition, offset, Duration::ZERO)?;
                consumer.resume(list)
            })
        });
        match moved {
            // Another member has the partition, or had it, and reads it from what was committed.
            None => Ok(()),
            Some(Err(error)) if is_gone(&error) => Ok(()),
            Some(Err(error)) => Err(broken("the partition cannot be read again", error)),
            Some(Ok(())) => {
                self.offsets
                    .go_back(&delivered.topic, delivered.partition, delivered.offset);
                Ok(())
            }
        }
    }

    fn with_partition(
        &self,
        delivered: &Delivered,
        work: impl FnOnce(&StreamConsumer<Context<Arc<Offsets>>>, &TopicPartitionList) -> Result<(), KafkaError>,
    ) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&delivered.topic, delivered.partition);
        self.with_consumer(|consumer| work(consumer, &list))
    }

    fn with_consumer(
        &self,
        work: impl FnOnce(&StreamConsumer<Context<Arc<Offsets>>>) -> Result<(), KafkaError>,
    ) -> Result<(), KafkaError> {
        let client = self.client.upgrade();
        match client.as_ref().and_then(|client| client.consumer()) {
            Some(consumer) => work(consumer),
            // The source has ended, and with it its partitions.
            None => Err(KafkaError::StoreOffset(RDKafkaErrorCode::State)),
        }
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

fn is_gone(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::State | Code::UnknownPartition | Code::UnknownTopicOrPartition)
    )
}

fn late(delivered: &Delivered) -> SourceError {
    let message = format!(
        "the answer came too late: partition {} of {:?} is read anew, or by another consumer, and the record comes again",
        delivered.partition, delivered.topic
    );
    SourceError::new(SourceErrorKind::Timeout, message)
}

fn broken(what: &str, error: KafkaError) -> SourceError {
    SourceError::new(SourceErrorKind::Disconnected, what).with_source(error)
}

use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{SourceError, SourceErrorKind};
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::KafkaState;
use crate::context::Context;
use crate::drop_elsewhere::drop_elsewhere;
use crate::offsets::{Delivered, Offsets, Progress};

/// One consumer of librdkafka's, and what it has delivered.
pub(crate) struct Member {
    state: KafkaState,
    offsets: Arc<Offsets>,
    /// None once it is being dropped.
    consumer: Option<StreamConsumer<Context<Arc<Offsets>>>>,
}

impl Member {
    pub(crate) fn new(
        state: KafkaState,
        offsets: Arc<Offsets>,
        consumer: StreamConsumer<Context<Arc<Offsets>>>,
    ) -> Self {
        let consumer = Some(consumer);
        Self {
            state,
            offsets,
            consumer,
        }
    }

    pub(crate) fn state(&self) -> &KafkaState {
        &self.state
    }

    pub(crate) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    pub(crate) fn consumer(&self) -> Option<&StreamConsumer<Context<Arc<Offsets>>>> {
        self.consumer.as_ref()
    }

    /// Takes note that the work on a record is done: librdkafka commits it soon.
    pub(crate) fn done(&self, delivered: &Delivered) -> Result<(), SourceError> {
        let Progress::To(offset) = self.offsets.answer(delivered) else {
            return Err(late(delivered));
        };
        let stored = self.with_partition(delivered, Offset::Offset(offset), |consumer, partition| {
            consumer.store_offsets(partition)
        });
        match stored {
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::State) => Err(late(delivered)),
            stored => stored.map_err(|error| broken("the offset cannot be stored", error)),
        }
    }

    /// Delivers no more of the partition for now.
    pub(crate) fn pause(&self, delivered: &Delivered) -> Result<(), SourceError> {
        self.with_partition(delivered, Offset::Invalid, |consumer, partition| {
            consumer.pause(partition)
        })
        .map_err(|error| broken("the partition cannot wait", error))
    }

    /// Goes on with a partition that waits, from this offset.
    pub(crate) fn read_from(&self, topic: &str, partition: i32, offset: Offset) -> Result<(), SourceError> {
        let Some(consumer) = &self.consumer else {
            return Ok(());
        };
        self.offsets.forget(topic, partition);
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        match consumer
            .seek(topic, partition, offset, Duration::ZERO)
            .and_then(|()| consumer.resume(&list))
        {
            // Another member has it now, and reads it from what was committed.
            Err(error) if is_gone(&error) => Ok(()),
            moved => moved.map_err(|error| broken("the partition cannot be read again", error)),
        }
    }

    /// Commits what was answered, and waits for the broker.
    pub(crate) fn commit(&self) -> Result<(), SourceError> {
        let Some(consumer) = &self.consumer else {
            return Ok(());
        };
        match consumer.commit_consumer_state(CommitMode::Sync) {
            // Nothing was answered since the last commit.
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) => Ok(()),
            committed => committed.map_err(|error| {
                SourceError::new(SourceErrorKind::Disconnected, "the offsets could not be committed").with_source(error)
            }),
        }
    }

    fn with_partition(
        &self,
        delivered: &Delivered,
        offset: Offset,
        work: impl FnOnce(&StreamConsumer<Context<Arc<Offsets>>>, &TopicPartitionList) -> Result<(), KafkaError>,
    ) -> Result<(), KafkaError> {
        let Some(consumer) = &self.consumer else {
            return Ok(());
        };
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&delivered.topic, delivered.partition, offset)?;
        work(consumer, &list)
    }
}

/// Leaving a group waits for its broker.
impl Drop for Member {
    fn drop(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            drop_elsewhere(consumer);
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

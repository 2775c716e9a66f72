use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer as _, PurgeConfig};

use crate::context::{Context, ProducerRole};
use crate::detached_drop::drop_detached;
use crate::poll_thread::{Client, PolledProducer};
use crate::record::Record;
use crate::{SetupError, SetupErrorKind, client};

/// A librdkafka producer, replaced after a fatal error.
pub(crate) struct ProducerHandle {
    /// The number of producers that the sink had before.
    pub(crate) epoch: u64,
    /// `None` while it is dropped.
    producer: Option<PolledProducer>,
    role: ProducerRole,
}

impl ProducerHandle {
    pub(crate) fn new(
        epoch: u64,
        config: &ClientConfig,
        context: Context<ProducerRole>,
    ) -> Result<Arc<Self>, SetupError> {
        let role = context.role().clone();
        let no_thread = |error| {
            let message = "cannot spawn the thread that polls for delivery reports";
            SetupError::new(SetupErrorKind::Unreachable, message).with_source(error)
        };
        let producer = Some(PolledProducer::new(client::create(config, context)?, role.clone()).map_err(no_thread)?);
        let handle = Arc::new(Self { epoch, producer, role });
        // It is set nowhere else.
        let _ = handle.role.handle.set(Arc::downgrade(&handle));
        Ok(handle)
    }

    pub(crate) fn client(&self) -> Option<&Client> {
        self.producer.as_ref().map(PolledProducer::client)
    }

    pub(crate) fn role(&self) -> &ProducerRole {
        &self.role
    }

    /// Sends incomplete batches now, without waiting for `linger.ms`. Returns at once.
    pub(crate) fn flush_batches(&self) {
        if let Some(producer) = self.client() {
            // The result only says whether anything is still in flight.
            let _ = producer.flush(Duration::ZERO);
        }
    }

    /// Queues a record without waiting. Its delivery opaque receives the delivery report.
    ///
    /// # Errors
    /// Returns librdkafka's error code and the record, whose delivery opaque has been abandoned.
    pub(crate) fn produce<'a>(&self, record: Record<'a>) -> Result<(), (RDKafkaErrorCode, Record<'a>)> {
        let Some(producer) = &self.producer else {
            record.delivery_opaque.abandon(&self.role.in_flight);
            return Err((RDKafkaErrorCode::Fatal, record));
        };
        let queued = producer.client().send(record);
        producer.record_queued();
        queued.map_err(|(error, record)| {
            record.delivery_opaque.abandon(&self.role.in_flight);
            match error {
                KafkaError::MessageProduction(code) => (code, record),
                _ => (RDKafkaErrorCode::InvalidArgument, record),
            }
        })
    }

    /// Purges the records that were not sent yet: each gets a failed delivery report.
    pub(crate) fn purge_queue(&self) {
        if let Some(producer) = self.client() {
            producer.purge(PurgeConfig::default().queue());
        }
    }

    /// Returns the fatal error after which librdkafka accepts no more records, if there was one.
    pub(crate) fn fatal_error(&self) -> Option<RDKafkaErrorCode> {
        match self.client() {
            Some(producer) => producer.client().fatal_error().map(|(code, _)| code),
            None => Some(RDKafkaErrorCode::Fatal),
        }
    }
}

/// Drops the producer on a detached thread, since its destructor blocks. Records in flight are lost: close the sink first.
impl Drop for ProducerHandle {
    fn drop(&mut self) {
        let Some(producer) = self.producer.take() else {
            return;
        };
        let in_flight = self.role.in_flight.count();
        if in_flight > 0 {
            tracing::warn!(records = in_flight, "producer dropped with undelivered records");
        }
        drop_detached(producer);
    }
}

impl fmt::Debug for ProducerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerHandle")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer as _, PurgeConfig};

use crate::context::{Context, Producing};
use crate::drop_elsewhere::drop_elsewhere;
use crate::polling::{Client, Polled};
use crate::record::Record;
use crate::{SetupError, SetupErrorKind, client};

/// One producer of librdkafka's, from when it is made until an error from which it does not recover.
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// None once it is being dropped.
    producer: Option<Polled>,
    role: Producing,
}

impl Generation {
    pub(crate) fn new(
        number: u64,
        config: &ClientConfig,
        context: Context<Producing>,
    ) -> Result<Arc<Self>, SetupError> {
        let role = context.role().clone();
        let no_thread = |error| {
            let message = "no thread can be had for the delivery reports";
            SetupError::new(SetupErrorKind::Unreachable, message).with_source(error)
        };
        let producer = Some(Polled::new(client::new(config, context)?, role.clone()).map_err(no_thread)?);
        let generation = Arc::new(Self { number, producer, role });
        // Nobody else sets it.
        let _ = generation.role.generation.set(Arc::downgrade(&generation));
        Ok(generation)
    }

    pub(crate) fn producer(&self) -> Option<&Client> {
        self.producer.as_ref().map(Polled::client)
    }

    pub(crate) fn role(&self) -> &Producing {
        &self.role
    }

    /// Has what waits for its batch to fill sent now. Returns at once.
    pub(crate) fn hurry(&self) {
        if let Some(producer) = self.producer() {
            // Whether all is delivered already does not matter.
            let _ = producer.flush(Duration::ZERO);
        }
    }

    /// Puts a record into the queue; never waits. What comes of it, its ticket is told.
    ///
    /// # Errors
    /// Why the record was not taken, and the record. Its ticket is given up.
    pub(crate) fn produce<'a>(&self, record: Record<'a>) -> Result<(), (RDKafkaErrorCode, Record<'a>)> {
        let Some(producer) = &self.producer else {
            record.delivery_opaque.give_up(&self.role.flights);
            return Err((RDKafkaErrorCode::Fatal, record));
        };
        let sent = producer.client().send(record);
        producer.produced();
        sent.map_err(|(error, record)| {
            record.delivery_opaque.give_up(&self.role.flights);
            match error {
                KafkaError::MessageProduction(code) => (code, record),
                _ => (RDKafkaErrorCode::InvalidArgument, record),
            }
        })
    }

    /// Gives up what waits to be sent: each record is reported as failed.
    pub(crate) fn purge_queue(&self) {
        if let Some(producer) = self.producer() {
            producer.purge(PurgeConfig::default().queue());
        }
    }

    /// Why librdkafka takes no more records for good; none while it does.
    pub(crate) fn breakdown(&self) -> Option<RDKafkaErrorCode> {
        match self.producer() {
            Some(producer) => producer.client().fatal_error().map(|(code, _)| code),
            None => Some(RDKafkaErrorCode::Fatal),
        }
    }
}

/// librdkafka waits for its threads when it ends, which a thread of the runtime must not. What was not delivered then is
/// lost: whoever closes the sink waits for it before.
impl Drop for Generation {
    fn drop(&mut self) {
        let Some(producer) = self.producer.take() else {
            return;
        };
        let left = self.role.flights.under_way();
        if left > 0 {
            tracing::warn!(
                records = left,
                "a Kafka producer ends with records that were not delivered"
            );
        }
        drop_elsewhere(producer);
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer};
use uuid::Uuid;

use crate::batch::Ticket;
use crate::context::{Context, Producing};
use crate::drop_elsewhere::drop_elsewhere;
use crate::record::Addressed;
use crate::{SetupError, client};

/// One producer of librdkafka's, from when it is made until an error from which it does not recover.
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// None once it is being dropped.
    producer: Option<ThreadedProducer<Context<Producing>>>,
    role: Producing,
}

impl Generation {
    pub(crate) fn new(
        number: u64,
        config: &ClientConfig,
        context: Context<Producing>,
    ) -> Result<Arc<Self>, SetupError> {
        let role = context.role().clone();
        let producer = Some(client::new(config, context)?);
        let generation = Arc::new(Self { number, producer, role });
        // Nobody else sets it.
        let _ = generation.role.generation.set(Arc::downgrade(&generation));
        Ok(generation)
    }

    pub(crate) fn producer(&self) -> Option<&ThreadedProducer<Context<Producing>>> {
        self.producer.as_ref()
    }

    pub(crate) fn role(&self) -> &Producing {
        &self.role
    }

    /// Has what waits for its batch to fill sent now. Returns at once.
    pub(crate) fn hurry(&self) {
        if let Some(producer) = &self.producer {
            // Whether all is delivered already does not matter.
            let _ = producer.flush(Duration::ZERO);
        }
    }

    /// Puts a record with this value into the queue; never waits. What comes of it, the ticket is told.
    ///
    /// # Errors
    /// The ticket, and why the record was not taken.
    pub(crate) fn produce(
        &self,
        event: &Addressed,
        json: &[u8],
        headers: Option<OwnedHeaders>,
        ticket: Box<Ticket>,
    ) -> Result<(), Refused> {
        let Some(producer) = &self.producer else {
            let code = RDKafkaErrorCode::Fatal;
            return Err(Refused { ticket, headers, code });
        };
        // Events of one goal go to one partition, which keeps their order.
        let mut key = Uuid::encode_buffer();
        let goal_id = event.envelope.goal_id();
        let key = goal_id.map(|goal_id| &*goal_id.0.hyphenated().encode_lower(&mut key));
        let record = BaseRecord {
            topic: &event.topic,
            partition: None,
            payload: Some(json),
            key,
            timestamp: event.timestamp(),
            headers,
            delivery_opaque: ticket,
        };
        producer.send(record).map_err(|(error, record)| Refused {
            ticket: record.delivery_opaque,
            headers: record.headers,
            code: match error {
                KafkaError::MessageProduction(code) => code,
                _ => RDKafkaErrorCode::InvalidArgument,
            },
        })
    }

    /// Gives up what waits to be sent: each record is reported as failed.
    pub(crate) fn purge_queue(&self) {
        if let Some(producer) = &self.producer {
            producer.purge(PurgeConfig::default().queue());
        }
    }

    /// Why librdkafka takes no more records for good; none while it does.
    pub(crate) fn breakdown(&self) -> Option<RDKafkaErrorCode> {
        match &self.producer {
            Some(producer) => producer.client().fatal_error().map(|(code, _)| code),
            None => Some(RDKafkaErrorCode::Fatal),
        }
    }
}

/// What is left of a record that was not put into the queue, and why it was not.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) ticket: Box<Ticket>,
    pub(crate) headers: Option<OwnedHeaders>,
    pub(crate) code: RDKafkaErrorCode,
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

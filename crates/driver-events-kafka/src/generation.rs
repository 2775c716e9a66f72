use std::fmt;

use driver_events_core::SinkError;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer};

use crate::batch::Ticket;
use crate::context::{Context, Producing};
use crate::drop_elsewhere::drop_elsewhere;
use crate::record::Prepared;
use crate::{SetupError, client};

/// One producer of librdkafka's, from when it is made until an error from which it does not recover.
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// None once it is being dropped.
    producer: Option<ThreadedProducer<Context<Producing>>>,
}

impl Generation {
    pub(crate) fn new(number: u64, config: &ClientConfig, context: Context<Producing>) -> Result<Self, SetupError> {
        let producer = Some(client::new(config, context)?);
        Ok(Self { number, producer })
    }

    pub(crate) fn producer(&self) -> Option<&ThreadedProducer<Context<Producing>>> {
        self.producer.as_ref()
    }

    /// Puts a record into the queue; never waits. What comes of it, the ticket is told.
    ///
    /// # Errors
    /// The ticket, and why the record was not taken.
    pub(crate) fn produce(
        &self,
        event: &Prepared,
        ticket: Box<Ticket>,
        has_headers: bool,
    ) -> Result<(), (Box<Ticket>, NotTaken)> {
        let Some(producer) = &self.producer else {
            return Err((ticket, NotTaken::Failed(RDKafkaErrorCode::Fatal)));
        };
        let headers = match has_headers.then(|| crate::headers::write(&event.envelope)).transpose() {
            Ok(headers) => headers,
            Err(error) => return Err((ticket, NotTaken::Unwritable(error))),
        };
        let record = BaseRecord {
            topic: &event.topic,
            partition: None,
            payload: Some(&event.json[..]),
            key: event.key.as_deref().map(str::as_bytes),
            timestamp: event.timestamp,
            headers,
            delivery_opaque: ticket,
        };
        producer.send(record).map_err(|(error, record)| {
            let code = match error {
                KafkaError::MessageProduction(code) => code,
                _ => RDKafkaErrorCode::InvalidArgument,
            };
            (record.delivery_opaque, NotTaken::Failed(code))
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

/// Why a record was not put into the queue.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// librdkafka says so.
    Failed(RDKafkaErrorCode),
    /// The envelope cannot be a record.
    Unwritable(SinkError),
}

/// librdkafka waits for its threads when it ends, which a thread of the runtime must not. What was not delivered then is
/// lost: whoever closes the sink waits for it before.
impl Drop for Generation {
    fn drop(&mut self) {
        let Some(producer) = self.producer.take() else {
            return;
        };
        let left = producer.in_flight_count();
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

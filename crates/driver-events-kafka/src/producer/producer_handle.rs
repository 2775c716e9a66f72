use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{SetupError, SetupErrorKind};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;

use super::callbacks::{Client, ProducerRole};
use super::collecting::collect_while_sending;
use super::delivery_future::DeliveryOpaque;
use super::poll_thread;
use crate::client::context::Context;
use crate::client::creation;
use crate::client::state::KafkaState;
use crate::wire::record::Record;

/// A librdkafka producer, replaced after a fatal error.
pub(super) struct ProducerHandle {
    /// The number of producers that the sink had before.
    pub(super) epoch: u64,
    client: Arc<Client>,
}

impl ProducerHandle {
    pub(super) fn new(
        epoch: u64,
        config: &ClientConfig,
        context: Context<Arc<ProducerRole>>,
    ) -> Result<Self, SetupError> {
        let client = Arc::new(creation::create(config, context)?);
        poll_thread::spawn(Arc::clone(&client)).map_err(|error| {
            let message = "cannot spawn the thread that polls for delivery reports";
            SetupError::new(SetupErrorKind::Unreachable, message).with_source(error)
        })?;
        Ok(Self { epoch, client })
    }

    pub(super) fn client(&self) -> &rdkafka::client::Client<Context<Arc<ProducerRole>>> {
        self.client.client()
    }

    pub(super) fn state(&self) -> &KafkaState {
        self.client.context().state()
    }

    pub(super) fn role(&self) -> &ProducerRole {
        self.client.context().role()
    }

    /// Sends incomplete batches now, without waiting for `linger.ms`. Returns at once.
    pub(super) fn flush_batches(&self) {
        // The result only says whether anything is still in flight.
        let _ = self.client.flush(Duration::ZERO);
    }

    /// Queues a record without waiting. Its delivery opaque receives the delivery report. Reports on earlier records may be
    /// handled in this call.
    ///
    /// # Errors
    /// Returns librdkafka's error code and the record, whose delivery opaque has been abandoned.
    pub(super) fn produce<'a>(
        &self,
        record: Record<'a, Arc<DeliveryOpaque>>,
    ) -> Result<(), (RDKafkaErrorCode, Record<'a, Arc<DeliveryOpaque>>)> {
        self.client.send(record).map_err(|(error, record)| {
            record.delivery_opaque.abandon(&self.role().in_flight);
            match error {
                KafkaError::MessageProduction(code) => (code, record),
                _ => (RDKafkaErrorCode::InvalidArgument, record),
            }
        })?;
        collect_while_sending(&self.client);
        Ok(())
    }

    /// Returns the fatal error after which librdkafka accepts no more records, if there was one.
    pub(super) fn fatal_error(&self) -> Option<RDKafkaErrorCode> {
        self.client().fatal_error().map(|(code, _)| code)
    }
}

/// The poll thread drops the client. Records in flight are lost: close the sink first.
impl Drop for ProducerHandle {
    fn drop(&mut self) {
        let in_flight = self.role().in_flight.count();
        if in_flight > 0 {
            tracing::warn!(records = in_flight, "producer dropped with undelivered records");
        }
    }
}

impl fmt::Debug for ProducerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerHandle")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

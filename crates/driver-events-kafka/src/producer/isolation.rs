//! The producer whose batches have one record each.

use std::sync::Arc;

use driver_events_core::SetupError;
use rdkafka::ClientConfig;
use tokio::sync::OnceCell;

use super::callbacks::ProducerRole;
use super::current_producer::CurrentProducer;
use super::producer_handle::ProducerHandle;
use crate::client::context::Context;

/// Sends the records of refused batches again, each in a batch of its own. Created when it is first needed.
#[derive(Debug)]
pub(super) struct Isolation {
    config: ClientConfig,
    context: Context<Arc<ProducerRole>>,
    producer: OnceCell<CurrentProducer>,
}

impl Isolation {
    /// `config` and `context` are those of the sink's producer.
    pub(super) fn new(mut config: ClientConfig, context: Context<Arc<ProducerRole>>) -> Self {
        config
            .set("batch.num.messages", "1")
            .set("linger.ms", "0")
            // The statistics of the sink are those of its other producer.
            .set("statistics.interval.ms", "0");
        Self {
            config,
            context,
            producer: OnceCell::new(),
        }
    }

    /// Returns the producer. Creates it in the first call.
    ///
    /// # Cancel safety
    /// The next call creates the producer.
    pub(super) async fn producer(&self) -> Result<&CurrentProducer, SetupError> {
        self.producer
            .get_or_try_init(|| async {
                let (config, context) = (self.config.clone(), self.context.renewed());
                // librdkafka reads files and spawns threads.
                let create = move || CurrentProducer::new(config, context);
                tokio::task::spawn_blocking(create).await.unwrap_or_else(|error| {
                    Err(SetupError::invalid("creating the producer was aborted").with_source(error))
                })
            })
            .await
    }

    /// Returns the producer in use; `None` before the first refused batch.
    pub(super) fn handle(&self) -> Option<Arc<ProducerHandle>> {
        self.producer.get().map(CurrentProducer::handle)
    }
}

use std::sync::{Arc, PoisonError, RwLock};

use driver_events_core::SetupError;
use rdkafka::ClientConfig;
use tokio::sync::Mutex;

use super::callbacks::ProducerRole;
use super::producer_handle::ProducerHandle;
use crate::client::context::Context;
use crate::client::state::KafkaState;

/// librdkafka's default of `batch.size`.
const DEFAULT_BATCH_SIZE: usize = 1_000_000;

/// The producer in use. It is re-created after a fatal error.
#[derive(Debug)]
pub(super) struct CurrentProducer {
    /// Held while the producer is re-created, so that one caller does it.
    config: Mutex<ClientConfig>,
    context: Context<Arc<ProducerRole>>,
    handle: RwLock<Arc<ProducerHandle>>,
}

impl CurrentProducer {
    pub(super) fn new(config: ClientConfig, context: Context<Arc<ProducerRole>>) -> Result<Self, SetupError> {
        let handle = ProducerHandle::new(0, &config, context.renewed())?;
        Ok(Self {
            config: Mutex::new(config),
            context,
            handle: RwLock::new(Arc::new(handle)),
        })
    }

    pub(super) fn state(&self) -> &KafkaState {
        self.context.state()
    }

    pub(super) fn handle(&self) -> Arc<ProducerHandle> {
        // Never poisoned: no code panics while it holds the lock.
        Arc::clone(&self.handle.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the failed producer, unless another call has. Returns `false` if no producer can be created.
    ///
    /// # Cancel safety
    /// The next call re-creates the producer.
    pub(super) async fn recreate(&self, failed_epoch: u64) -> bool {
        let config = self.config.lock().await;
        if self.handle().epoch != failed_epoch {
            return true;
        }
        if let Err(error) = self.replace(failed_epoch, config.clone()).await {
            self.state()
                .record_failure(format!("cannot re-create the producer: {error}"));
            tracing::error!(%error, "cannot re-create the producer after a fatal error");
            return false;
        }
        self.state().count_recreation();
        tracing::warn!("producer re-created after a fatal error");
        true
    }

    /// Limits `batch.size`: a broker refuses batches over `max.message.bytes` of the topic. Has no effect while records are in
    /// flight.
    ///
    /// # Errors
    /// No producer can be created.
    pub(super) async fn limit_batch_size(&self, bytes: usize) -> Result<(), SetupError> {
        let mut config = self.config.lock().await;
        let size = config.get("batch.size").and_then(|size| size.parse().ok());
        let handle = self.handle();
        if bytes == 0 || size.unwrap_or(DEFAULT_BATCH_SIZE) <= bytes || handle.role().in_flight.count() > 0 {
            return Ok(());
        }
        let mut limited = config.clone();
        limited.set("batch.size", bytes.to_string());
        self.replace(handle.epoch, limited.clone()).await?;
        *config = limited;
        Ok(())
    }

    async fn replace(&self, epoch: u64, config: ClientConfig) -> Result<(), SetupError> {
        let context = self.context.renewed();
        // librdkafka reads files and spawns threads.
        let create = move || ProducerHandle::new(epoch + 1, &config, context);
        let handle = tokio::task::spawn_blocking(create)
            .await
            .unwrap_or_else(|error| Err(SetupError::invalid("creating the producer was aborted").with_source(error)))?;
        *self.handle.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(handle);
        Ok(())
    }
}

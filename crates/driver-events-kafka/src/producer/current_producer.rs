use std::sync::{Arc, PoisonError, RwLock};

use driver_events_core::SetupError;
use rdkafka::ClientConfig;
use tokio::sync::Mutex;

use super::callbacks::ProducerRole;
use super::producer_handle::ProducerHandle;
use crate::client::context::Context;
use crate::client::state::KafkaState;

/// The producer in use. It is re-created after a fatal error.
#[derive(Debug)]
pub(super) struct CurrentProducer {
    config: ClientConfig,
    context: Context<Arc<ProducerRole>>,
    handle: RwLock<Arc<ProducerHandle>>,
    /// Held while the producer is re-created, so that one caller does it.
    recreation: Mutex<()>,
}

impl CurrentProducer {
    pub(super) fn new(config: ClientConfig, context: Context<Arc<ProducerRole>>) -> Result<Self, SetupError> {
        let handle = ProducerHandle::new(0, &config, context.renewed())?;
        Ok(Self {
            config,
            context,
            handle: RwLock::new(Arc::new(handle)),
            recreation: Mutex::default(),
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
        let _recreation = self.recreation.lock().await;
        if self.handle().epoch != failed_epoch {
            return true;
        }
        let (config, context) = (self.config.clone(), self.context.renewed());
        // librdkafka reads files and spawns threads.
        let create = move || ProducerHandle::new(failed_epoch + 1, &config, context);
        let error = match tokio::task::spawn_blocking(create).await {
            Ok(Ok(handle)) => {
                *self.handle.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(handle);
                self.state().count_recreation();
                tracing::warn!("producer re-created after a fatal error");
                return true;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        self.state()
            .record_failure(format!("cannot re-create the producer: {error}"));
        tracing::error!(error, "cannot re-create the producer after a fatal error");
        false
    }
}

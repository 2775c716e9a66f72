use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{Settle, SourceError};
use tokio::time::Instant;

use super::consumer_handle::ConsumerHandle;
use super::dead_letters::{DeadLetter, DeadLetterError, DeadLetters};
use super::end::SourceEnd;
use super::errors::with_cause;
use super::offset_tracker::DeliveryId;
use super::redelivery::Redeliveries;

/// State shared by all deliveries of a source.
#[derive(Debug)]
pub(super) struct SettleContext {
    pub(super) consumer: ConsumerHandle,
    pub(super) redeliveries: Redeliveries,
    pub(super) dead_letters: Option<DeadLetters>,
    pub(super) end: SourceEnd,
}

/// Maximum delay of a redelivery: a longer one may overflow a point in time.
const MAX_DELAY: Duration = Duration::from_secs(365 * 24 * 3_600);
/// Time until a record is redelivered whose dead letter could not be produced.
const DEAD_LETTER_RETRY_DELAY: Duration = Duration::from_secs(1);

impl SettleContext {
    /// Pauses the delivery's partition, and schedules the seek back to it.
    fn redeliver(&self, id: DeliveryId, delay: Duration) -> Result<(), SourceError> {
        self.consumer.pause(&id)?;
        self.redeliveries.schedule(id, Instant::now() + delay.min(MAX_DELAY));
        Ok(())
    }
}

/// Acks, nacks or rejects one delivery.
#[derive(Debug)]
pub(super) struct SettleDelivery {
    pub(super) context: Arc<SettleContext>,
    pub(super) id: DeliveryId,
    /// Boxed: few sources have dead letters, and each delivery is moved.
    pub(super) dead_letter: Option<Box<DeadLetter>>,
}

#[async_trait]
impl Settle for SettleDelivery {
    async fn ack(self: Box<Self>) -> Result<(), SourceError> {
        self.context.consumer.ack(&self.id)
    }

    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError> {
        self.context.redeliver(self.id, delay)
    }

    async fn reject(self: Box<Self>, why: &str) -> Result<(), SourceError> {
        if let (Some(letters), Some(letter)) = (&self.context.dead_letters, self.dead_letter) {
            match letters.send(*letter, why).await {
                Ok(()) => {}
                Err(DeadLetterError::Transient(error)) => {
                    self.context.consumer.state().record_wait(with_cause(&error));
                    self.context.redeliver(self.id, DEAD_LETTER_RETRY_DELAY)?;
                    return Err(error);
                }
                Err(DeadLetterError::Permanent { message, error }) => {
                    self.context
                        .consumer
                        .state()
                        .record_failure(format!("{message}: {error}"));
                    return Err(self.context.end.set(message, error));
                }
            }
        }
        self.context.consumer.ack(&self.id)
    }
}

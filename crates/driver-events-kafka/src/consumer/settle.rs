use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{Settle, SourceError};
use tokio::time::Instant;

use super::consumer_handle::ConsumerHandle;
use super::dead_letters::{DeadLetter, DeadLetters};
use super::offset_tracker::DeliveryId;
use super::redelivery::Redeliveries;

/// State shared by all deliveries of a source.
#[derive(Debug)]
pub(super) struct SettleContext {
    pub(super) consumer: ConsumerHandle,
    pub(super) redeliveries: Redeliveries,
    pub(super) dead_letters: Option<DeadLetters>,
}

/// Acks, nacks or rejects one delivery.
#[derive(Debug)]
pub(super) struct SettleDelivery {
    pub(super) context: Arc<SettleContext>,
    pub(super) id: DeliveryId,
    pub(super) dead_letter: Option<DeadLetter>,
}

#[async_trait]
impl Settle for SettleDelivery {
    async fn ack(self: Box<Self>) -> Result<(), SourceError> {
        self.context.consumer.ack(&self.id)
    }

    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError> {
        self.context.consumer.pause(&self.id)?;
        self.context.redeliveries.schedule(self.id, Instant::now() + delay);
        Ok(())
    }

    async fn reject(self: Box<Self>, why: &str) -> Result<(), SourceError> {
        if let (Some(letters), Some(letter)) = (&self.context.dead_letters, self.dead_letter) {
            letters.send(letter, why).await?;
        }
        self.context.consumer.ack(&self.id)
    }
}

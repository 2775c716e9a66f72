use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{Settle, SourceError};
use tokio::time::Instant;

use crate::consumer::ConsumerHandle;
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::offset_tracker::DeliveryId;
use crate::redelivery::Redeliveries;

/// State shared by all deliveries of a source.
#[derive(Debug)]
pub(crate) struct SettleContext {
    pub(crate) consumer: ConsumerHandle,
    pub(crate) redeliveries: Redeliveries,
    pub(crate) dead_letters: Option<DeadLetters>,
}

/// Acks, nacks or rejects one delivery.
#[derive(Debug)]
pub(crate) struct SettleDelivery {
    pub(crate) context: Arc<SettleContext>,
    pub(crate) id: DeliveryId,
    pub(crate) dead_letter: Option<DeadLetter>,
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

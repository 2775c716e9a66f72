use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{Settle, SourceError};
use tokio::time::Instant;

use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::member::Member;
use crate::offsets::Delivered;
use crate::retries::Retries;

/// What the answers to all deliveries of a source have in common.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) member: Member,
    pub(crate) retries: Retries,
    pub(crate) dead_letters: Option<DeadLetters>,
}

/// Answers for one delivery.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) answers: Arc<Answers>,
    pub(crate) delivered: Delivered,
    pub(crate) dead_letter: Option<DeadLetter>,
}

#[async_trait]
impl Settle for Answer {
    async fn ack(self: Box<Self>) -> Result<(), SourceError> {
        self.answers.member.done(&self.delivered)
    }

    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError> {
        self.answers.member.pause(&self.delivered)?;
        self.answers.retries.add(self.delivered, Instant::now() + delay);
        Ok(())
    }

    async fn reject(self: Box<Self>, why: &str) -> Result<(), SourceError> {
        if let (Some(letters), Some(letter)) = (&self.answers.dead_letters, self.dead_letter) {
            letters.send(letter, why).await?;
        }
        self.answers.member.done(&self.delivered)
    }
}

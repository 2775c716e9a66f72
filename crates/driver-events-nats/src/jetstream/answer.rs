use std::time::Duration;

use async_nats::{Client, Message, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{Settle, SourceError, SourceErrorKind};
use tokio::time::timeout;

use super::dead_letters;

/// How long the client has to take an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers one message of a durable consumer. An answer is sent, and not waited for.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) client: Client,
    pub(super) reply: Subject,
    /// Where the message goes that is rejected.
    pub(super) dead_letter: Option<(Subject, Message)>,
}

/// Says that the work is done.
///
/// # Errors
/// `Disconnected` where the client has no room, since the link is down; `Closed` where the connection has ended.
pub(super) async fn acknowledge(client: &Client, reply: Subject) -> Result<(), SourceError> {
    say(client, reply, Bytes::from_static(b"+ACK")).await
}

async fn say(client: &Client, reply: Subject, answer: Bytes) -> Result<(), SourceError> {
    let failed = |kind, message: &str| SourceError::new(kind, format!("{message}: what was answered comes again"));
    match timeout(PATIENCE, client.publish(reply, answer)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(SourceErrorKind::Closed, "the connection to NATS has ended").with_source(error)),
        Err(elapsed) => {
            let message = "the client has no room, since the link to NATS is down";
            Err(failed(SourceErrorKind::Disconnected, message).with_source(elapsed))
        }
    }
}

#[async_trait]
impl Settle for Answer {
    async fn ack(self: Box<Self>) -> Result<(), SourceError> {
        acknowledge(&self.client, self.reply).await
    }

    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError> {
        let answer = format!("-NAK {{\"delay\":{}}}", delay.as_nanos());
        say(&self.client, self.reply, answer.into()).await
    }

    async fn reject(self: Box<Self>, why: &str) -> Result<(), SourceError> {
        if let Some((subject, message)) = self.dead_letter {
            dead_letters::send(&self.client, subject, message, why).await?;
        }
        // A server before 2.11 takes the reason, and passes it on to nobody.
        let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        say(&self.client, self.reply, format!("+TERM {why}").into()).await
    }
}

use std::time::Duration;

use async_nats::{Client, Message, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{Settle, SourceError, SourceErrorKind};
use tokio::time::timeout;

use super::dead_letters;

/// Time the client has to accept an ack for sending.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Settles one delivery of a durable consumer. Acks are sent without waiting for the server.
#[derive(Debug)]
pub(super) struct JetStreamSettle {
    pub(super) client: Client,
    /// `None` if the message was not sent by the consumer: then the server has nothing to settle.
    pub(super) ack_subject: Option<Subject>,
    /// Subject for a rejected message, and the message.
    pub(super) dead_letter: Option<(Subject, Message)>,
}

/// Acks a message.
///
/// # Errors
/// - `Disconnected`: the connection is down and the queue of the client is full.
/// - `Closed`: the connection is closed.
pub(super) async fn ack(client: &Client, ack_subject: Subject) -> Result<(), SourceError> {
    publish(client, ack_subject, Bytes::from_static(b"+ACK")).await
}

async fn publish(client: &Client, ack_subject: Subject, payload: Bytes) -> Result<(), SourceError> {
    let failed = |kind, cause: &str| SourceError::new(kind, format!("cannot send the ack: {cause}: expect redelivery"));
    match timeout(PUBLISH_TIMEOUT, client.publish(ack_subject, payload)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(SourceErrorKind::Closed, "the connection to NATS is closed").with_source(error)),
        Err(elapsed) => {
            let cause = "the connection to NATS is down and the queue of the client is full";
            Err(failed(SourceErrorKind::Disconnected, cause).with_source(elapsed))
        }
    }
}

impl JetStreamSettle {
    async fn settle(self, payload: Bytes) -> Result<(), SourceError> {
        match self.ack_subject {
            Some(ack_subject) => publish(&self.client, ack_subject, payload).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Settle for JetStreamSettle {
    async fn ack(self: Box<Self>) -> Result<(), SourceError> {
        self.settle(Bytes::from_static(b"+ACK")).await
    }

    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError> {
        let payload = format!("-NAK {{\"delay\":{}}}", delay.as_nanos());
        self.settle(payload.into()).await
    }

    async fn reject(mut self: Box<Self>, why: &str) -> Result<(), SourceError> {
        if let Some((subject, message)) = self.dead_letter.take() {
            dead_letters::publish(&self.client, subject, message, why).await?;
        }
        // Servers from 2.11 publish the reason in an advisory; older servers ignore it.
        let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.settle(format!("+TERM {why}").into()).await
    }
}

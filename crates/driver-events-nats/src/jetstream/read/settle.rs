use std::time::Duration;

use async_nats::{Request, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{Settle, SourceError, SourceErrorKind};
use tokio::time::timeout;

use super::dead_letters::{DeadLetter, DeadLetterQueue};
use super::known_unreadable::KnownUnreadable;
use crate::connection::NatsConnection;
use crate::timeouts::MAX_TIMEOUT;

/// Time the client has to accept an ack for sending.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
const ACK: Bytes = Bytes::from_static(b"+ACK");

/// Settles one delivery of a durable consumer. Acks are sent without waiting for the server.
#[derive(Debug)]
pub(super) struct JetStreamSettle {
    pub(super) connection: NatsConnection,
    pub(super) ack: AckTarget,
    /// Where a rejected message is published, and the message.
    pub(super) dead_letter: Option<(DeadLetterQueue, DeadLetter)>,
}

/// Where the ack of a delivery goes.
#[derive(Debug)]
pub(super) enum AckTarget {
    Subject(Subject),
    /// The client could not read the message.
    Unreadable(UnreadableAck),
    /// The message was not sent by the consumer: the server has nothing to settle.
    Nothing,
}

#[derive(Debug)]
pub(super) struct UnreadableAck {
    pub(super) subject: Subject,
    pub(super) sequence: u64,
    pub(super) known: KnownUnreadable,
}

/// Acks a message.
///
/// # Errors
/// - `Disconnected`: the connection is down and the queue of the client is full.
/// - `Closed`: the connection is closed.
pub(super) async fn ack(connection: &NatsConnection, ack_subject: Subject) -> Result<(), SourceError> {
    publish(connection, ack_subject, ACK).await
}

/// Requests the redelivery of messages that did not arrive, and waits until the server has taken the requests: a pull request
/// would overtake them. If they are lost, the messages are redelivered after the ack wait.
pub(super) async fn nack_now(connection: &NatsConnection, ack_subjects: Vec<Subject>) {
    let nack = Bytes::from_static(b"-NAK");
    let Some((last, others)) = ack_subjects.split_last() else {
        return;
    };
    for subject in others {
        if publish(connection, subject.clone(), nack.clone()).await.is_err() {
            return;
        }
    }
    let client = connection.current_client();
    // An inbox for this request only: the client leaks an entry for each unanswered request on its shared inbox.
    let request = Request::new().inbox(client.new_inbox()).payload(nack).timeout(None);
    let _ = timeout(PUBLISH_TIMEOUT, client.send_request(last.clone(), request)).await;
}

/// Sends an ack again that may have been lost.
pub(super) async fn settle_again(connection: &NatsConnection, ack_subject: Subject, ack: Bytes) {
    let _ = publish(connection, ack_subject, ack).await;
}

async fn publish(connection: &NatsConnection, ack_subject: Subject, payload: Bytes) -> Result<(), SourceError> {
    let failed = |kind, cause: &str| SourceError::new(kind, format!("cannot send the ack: {cause}: expect redelivery"));
    let publish = async {
        loop {
            let client_epoch = connection.client_epoch();
            let published = connection
                .current_client()
                .publish(ack_subject.clone(), payload.clone())
                .await;
            let Err(error) = published else { return Ok(()) };
            if !connection.is_replaced(client_epoch).await {
                return Err(error);
            }
        }
    };
    let error = match timeout(PUBLISH_TIMEOUT, publish).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => failed(SourceErrorKind::Closed, "the connection to NATS is closed").with_source(error),
        Err(elapsed) => {
            let cause = "the connection to NATS is down and the queue of the client is full";
            failed(SourceErrorKind::Disconnected, cause).with_source(elapsed)
        }
    };
    connection.monitor().observe_failure(&error.to_string());
    Err(error)
}

impl JetStreamSettle {
    async fn settle(self, payload: Bytes, redelivered_after: Option<Duration>) -> Result<(), SourceError> {
        match self.ack {
            AckTarget::Subject(subject) => publish(&self.connection, subject, payload).await,
            AckTarget::Unreadable(ack) => {
                publish(&self.connection, ack.subject, payload.clone()).await?;
                match redelivered_after {
                    Some(delay) => ack.known.is_due_after(ack.sequence, delay),
                    None => ack.known.settled(ack.sequence, payload),
                }
                Ok(())
            }
            AckTarget::Nothing => Ok(()),
        }
    }
}

#[async_trait]
impl Settle for JetStreamSettle {
    async fn ack(self: Box<Self>) -> Result<(), SourceError> {
        self.settle(ACK, None).await
    }

    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError> {
        let delay = delay.min(MAX_TIMEOUT);
        let payload = format!("-NAK {{\"delay\":{}}}", delay.as_nanos());
        self.settle(payload.into(), Some(delay)).await
    }

    async fn reject(mut self: Box<Self>, why: &str) -> Result<(), SourceError> {
        if let Some((queue, letter)) = self.dead_letter.take() {
            queue.publish(&self.connection, letter, why).await?;
        }
        // Servers from 2.11 publish the reason in an advisory; older servers ignore it.
        let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.settle(format!("+TERM {why}").into(), None).await
    }
}

//! Pull requests to a consumer. The next request is sent before the messages of the last one are used up.

use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use driver_events_core::SetupError;
use futures_util::{FutureExt, StreamExt};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::ack_subject::AckSubject;
use super::prefetch::Prefetch;
use super::pull_limits::{IDLE_HEARTBEAT, PullLimits};
use crate::connection::{NatsConnection, Status};

/// Interval at which the connection is checked.
const CONNECTION_CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Delay before the next pull request after the server turned one down.
const RETRY_DELAY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct PullSubscription {
    connection: NatsConnection,
    subscriber: Subscriber,
    inbox: String,
    /// Subject of pull requests, `$JS.API.CONSUMER.MSG.NEXT.…`.
    pull_subject: String,
    prefetch: Prefetch,
    limits: PullLimits,
    /// Number of messages requested and not received.
    pending: usize,
    /// Epoch of the connection.
    epoch: u64,
    client_epoch: u64,
    status: watch::Receiver<Status>,
    /// Number of messages that may still be requested, before one that the client cannot read; `None` without such a limit.
    allowance: Option<usize>,
    last_activity: Instant,
    next_pull: Instant,
    /// When the connection is checked. Kept while `next` is dropped: a caller may poll in shorter slices.
    next_check: Instant,
}

/// Result of [`PullSubscription::next`].
#[derive(Debug)]
pub(super) enum PullEvent {
    Message(Message, AckSubject),
    /// A message without a valid ack subject. The inbox is an ordinary subject: any client may publish to it.
    Foreign(Message),
    /// The server is alive and has no messages.
    Alive,
    /// Nothing arrived yet: the caller checks the connection.
    Idle,
    /// The client reconnected: messages in flight may be lost.
    Reconnected,
    /// All allowed messages were received.
    AllowanceUsed,
    /// Heartbeats are missing: the consumer may be deleted, or have a new leader.
    NoHeartbeat,
    /// The server refuses a pull request: it exceeds a limit that is lower than when the consumer was looked up, or the consumer
    /// was deleted or changed. A lookup decides, since any client may publish such a status to the inbox.
    Refused(String),
    ConnectionClosed,
}

#[derive(Serialize)]
struct PullRequest {
    batch: usize,
    expires: u128,
    idle_heartbeat: u128,
}

impl PullSubscription {
    pub(super) async fn subscribe(
        connection: NatsConnection,
        pull_subject: String,
        prefetch: Prefetch,
        limits: PullLimits,
        allowance: Option<usize>,
    ) -> Result<Self, SetupError> {
        let (epoch, client_epoch) = (connection.epoch(), connection.client_epoch());
        let inbox = connection.current_client().new_inbox();
        Ok(Self {
            subscriber: connection.subscribe(inbox.clone(), None).await?,
            inbox,
            pull_subject,
            prefetch,
            limits,
            pending: 0,
            epoch,
            client_epoch,
            status: connection.monitor().watch(),
            allowance,
            last_activity: Instant::now(),
            next_pull: Instant::now(),
            next_check: Instant::now() + CONNECTION_CHECK_INTERVAL,
            connection,
        })
    }

    /// Bounds later pull requests.
    pub(super) fn set_limits(&mut self, limits: PullLimits) {
        self.prefetch.set_max_batch(limits.max_batch);
        self.limits = limits;
    }

    /// Returns whether the client has reconnected since the last pull request: messages may have been lost before the ones that
    /// are buffered.
    pub(super) fn has_reconnected(&self) -> bool {
        self.connection.epoch() != self.epoch
    }

    /// Waits for a short time. Cancel safe: no message is lost.
    pub(super) async fn next(&mut self) -> PullEvent {
        let now = Instant::now();
        self.prefetch.requested(now);
        // Fast path: the message is already buffered, and no pull request is due.
        if self.pending > self.prefetch.batch() / 2
            && let Some(Some(message)) = self.subscriber.next().now_or_never()
        {
            return self.receive(message, now);
        }
        // In an allocation of its own, which the fast path does without.
        Box::pin(self.wait(now)).await
    }

    async fn wait(&mut self, now: Instant) -> PullEvent {
        if self.has_reconnected() {
            // Messages that arrived before the connection ended come first.
            if let Some(Some(message)) = self.subscriber.next().now_or_never() {
                return self.receive(message, now);
            }
            self.epoch = self.connection.epoch();
            self.reset();
            return PullEvent::Reconnected;
        }
        if self.allowance == Some(0) && self.pending == 0 {
            return PullEvent::AllowanceUsed;
        }
        if !self.connection.is_connected() {
            // A pull request sent now would be sent again after the reconnect.
            self.last_activity = Instant::now();
        } else if self.pending <= self.prefetch.batch() / 2
            && self.next_pull <= now
            && let Err(event) = self.pull().await
        {
            return event;
        }
        let received = async {
            tokio::select! {
                biased;
                message = self.subscriber.next() => Some(message),
                // A lost connection and a reconnect change the status.
                _ = self.status.changed() => None,
            }
        };
        let received = timeout_at(self.next_check, received).await;
        if received.is_err() {
            self.next_check = Instant::now() + CONNECTION_CHECK_INTERVAL;
        }
        match received {
            Ok(Some(Some(message))) => self.receive(message, Instant::now()),
            Ok(Some(None)) => {
                let replaced = self.connection.is_replaced(self.client_epoch);
                match timeout(CONNECTION_CHECK_INTERVAL, replaced).await {
                    Ok(true) => PullEvent::Reconnected,
                    Ok(false) => PullEvent::ConnectionClosed,
                    Err(_) => PullEvent::Idle,
                }
            }
            Ok(None) => PullEvent::Idle,
            Err(_) if self.last_activity.elapsed() > 2 * IDLE_HEARTBEAT => {
                self.reset();
                PullEvent::NoHeartbeat
            }
            Err(_) => PullEvent::Idle,
        }
    }

    /// Requests messages up to the batch size.
    async fn pull(&mut self) -> Result<(), PullEvent> {
        self.prefetch.adapt();
        let batch = self.prefetch.batch().saturating_sub(self.pending);
        let batch = batch.min(self.allowance.unwrap_or(usize::MAX));
        if batch == 0 {
            return Ok(());
        }
        let request = PullRequest {
            batch,
            expires: self.limits.expires.as_nanos(),
            idle_heartbeat: self.limits.idle_heartbeat.as_nanos(),
        };
        let Ok(request) = serde_json::to_vec(&request) else {
            return Err(PullEvent::Refused("cannot encode the pull request".into()));
        };
        let client = self.connection.current_client();
        let publish = client.publish_with_reply(self.pull_subject.clone(), self.inbox.clone(), request.into());
        // A publish that times out was not sent.
        match timeout_at(Instant::now() + CONNECTION_CHECK_INTERVAL, publish).await {
            Ok(Ok(())) => {
                if self.pending == 0 {
                    // No heartbeat was due without a pull request.
                    self.last_activity = Instant::now();
                }
                self.pending += batch;
                self.allowance = self.allowance.map(|allowance| allowance - batch);
            }
            // The subscription ends too: `next` finds out whether the client is replaced.
            Ok(Err(_)) => {}
            Err(_) => {}
        }
        Ok(())
    }

    fn receive(&mut self, message: Message, now: Instant) -> PullEvent {
        // A consumer's message has the subject under which it is stored, never the inbox. Its status is whatever its publisher
        // has written.
        let is_status = message.subject.as_str() == self.inbox;
        if let Some(status) = message.status.filter(|status| is_status && *status != StatusCode::OK) {
            self.last_activity = now;
            return self.on_status(status, &message);
        }
        if !is_status {
            self.last_activity = now;
            self.pending = self.pending.saturating_sub(1);
        }
        self.prefetch.delivered(now);
        match message.reply.as_ref().and_then(AckSubject::parse) {
            Some(ack) => PullEvent::Message(message, ack),
            None => PullEvent::Foreign(message),
        }
    }

    /// Unsubscribes: pull requests that the server still has deliver nothing more.
    pub(super) async fn end(mut self) {
        let _ = self.subscriber.unsubscribe().await;
    }

    /// Unsubscribes, and naks the buffered messages, so that other readers get them at once.
    pub(super) async fn nak_buffered(mut self) {
        // Unsubscribing comes first, or the consumer would redeliver to this subscription.
        if self.subscriber.unsubscribe().await.is_err() {
            return;
        }
        while let Some(message) = self.subscriber.next().await {
            if message.subject.as_str() == self.inbox && message.status.is_some() {
                continue;
            }
            let Some(ack) = message.reply.as_ref().and_then(AckSubject::parse) else {
                tracing::warn!(subject = %message.subject, "dropped a message without a valid ack subject");
                continue;
            };
            let client = self.connection.current_client();
            if client.publish(ack.subject, "-NAK".into()).await.is_err() {
                return;
            }
        }
    }

    /// Forgets outstanding pull requests.
    fn reset(&mut self) {
        self.pending = 0;
        self.last_activity = Instant::now();
    }

    fn on_status(&mut self, status: StatusCode, message: &Message) -> PullEvent {
        let description = message.description.as_deref().unwrap_or_default();
        match status {
            StatusCode::IDLE_HEARTBEAT => PullEvent::Alive,
            StatusCode::NO_RESPONDERS => {
                self.reset();
                self.next_pull = Instant::now() + RETRY_DELAY;
                PullEvent::NoHeartbeat
            }
            // Many readers wait: servers before 2.11 say so, later ones drop the pull request.
            StatusCode::REQUEST_TERMINATED if description == "Exceeded MaxWaiting" => {
                self.reset();
                self.next_pull = Instant::now() + RETRY_DELAY;
                PullEvent::Alive
            }
            StatusCode::REQUEST_TERMINATED
                if description.starts_with("Exceeded")
                    || ["Consumer Deleted", "Consumer is push based"].contains(&description) =>
            {
                self.reset();
                PullEvent::Refused(description.to_owned())
            }
            status if status.as_u16() == 400 => {
                self.reset();
                PullEvent::Refused(description.to_owned())
            }
            // The pull request is finished: it expired, its batch is complete, or the leader has changed.
            _ => {
                let unsent = message
                    .headers
                    .as_ref()
                    .and_then(|headers| headers.get("Nats-Pending-Messages"));
                let unsent = unsent.and_then(|unsent| unsent.as_str().parse().ok());
                let unsent = unsent.unwrap_or(self.pending).min(self.pending);
                self.pending -= unsent;
                self.allowance = self.allowance.map(|allowance| allowance + unsent);
                if description == "Leadership Change" || description == "Server Shutdown" {
                    self.next_pull = Instant::now() + RETRY_DELAY;
                }
                PullEvent::Alive
            }
        }
    }
}

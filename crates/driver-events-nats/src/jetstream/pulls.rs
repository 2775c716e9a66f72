//! Messages as a consumer is asked for them: some hundred at a time, before those that came are used up.

use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use futures_util::{FutureExt, StreamExt};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::api::Api;
use super::pace::Pace;
use crate::connection::Connection;
use crate::{SetupError, SetupErrorKind};

/// How long a request for messages stands.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that it is there while there are no messages.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often it is looked whether the connection is still the same.
const LOOK: Duration = Duration::from_millis(100);
/// How long to wait after the server turned a request down before the next.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the client has to take the subscription.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Pulls {
    subscriber: Subscriber,
    inbox: String,
    /// Where a consumer is asked, `$JS.API.CONSUMER.MSG.NEXT.…`.
    subject: String,
    pace: Pace,
    /// How many messages the server may still send without being asked again.
    left: usize,
    epoch: u64,
    heard: Instant,
    not_before: Instant,
}

/// What came.
#[derive(Debug)]
pub(super) enum Pulled {
    Message(Message),
    /// The server is there and has nothing.
    Heard,
    /// Nothing yet: time to look at the connection.
    Nothing,
    /// The connection was made anew; what was on its way may be lost.
    Reconnected,
    /// Not even a heartbeat: the consumer may be gone, or have another leader.
    Silent,
    /// The server says that the consumer is gone.
    Deleted,
    /// The server does not take the request, for a reason that stays.
    Refused(String),
    /// The connection has ended.
    Ended,
}

#[derive(Serialize)]
struct Request {
    batch: usize,
    expires: u128,
    idle_heartbeat: u128,
}

impl Pulls {
    pub(super) async fn of_consumer(
        connection: &Connection,
        api: &Api,
        stream: &str,
        consumer: &str,
        pace: Pace,
    ) -> Result<Self, SetupError> {
        let inbox = connection.client().new_inbox();
        let unreachable = |message: &str| SetupError::new(SetupErrorKind::Unreachable, message);
        let subscribe = connection.client().subscribe(inbox.clone());
        let subscriber = match tokio::time::timeout(SUBSCRIBE_TIMEOUT, subscribe).await {
            Ok(Ok(subscriber)) => subscriber,
            Ok(Err(error)) => return Err(unreachable("the connection to NATS has ended").with_source(error)),
            Err(elapsed) => return Err(unreachable("the link to NATS is down").with_source(elapsed)),
        };
        Ok(Self {
            subscriber,
            inbox,
            subject: api.subject(&format!("CONSUMER.MSG.NEXT.{stream}.{consumer}")),
            pace,
            left: 0,
            epoch: connection.epoch(),
            heard: Instant::now(),
            not_before: Instant::now(),
        })
    }

    /// Where the consumer is asked.
    pub(super) fn subject(&self) -> &str {
        &self.subject
    }

    /// Waits for a little while. Cancel safe: what was not given is given by the next call.
    pub(super) async fn next(&mut self, connection: &Connection) -> Pulled {
        let now = Instant::now();
        self.pace.is_called(now);
        // Most messages are here already, and need no look at the connection.
        if self.left > self.pace.batch() / 2
            && let Some(Some(message)) = self.subscriber.next().now_or_never()
        {
            return self.take(message, now);
        }
        let epoch = connection.epoch();
        if epoch != self.epoch {
            self.epoch = epoch;
            self.ask_anew();
            return Pulled::Reconnected;
        }
        if !connection.is_connected() {
            // What is asked for now would be asked for twice.
            self.heard = Instant::now();
        } else if self.left <= self.pace.batch() / 2
            && self.not_before <= now
            && let Err(over) = self.ask(connection).await
        {
            return over;
        }
        match timeout_at(Instant::now() + LOOK, self.subscriber.next()).await {
            Ok(Some(message)) => self.take(message, Instant::now()),
            Ok(None) => Pulled::Ended,
            Err(_) if self.heard.elapsed() > 2 * HEARTBEAT => {
                self.ask_anew();
                Pulled::Silent
            }
            Err(_) => Pulled::Nothing,
        }
    }

    /// Asks for as many messages as there is room for.
    async fn ask(&mut self, connection: &Connection) -> Result<(), Pulled> {
        self.pace.adapt();
        let batch = self.pace.batch().saturating_sub(self.left);
        if batch == 0 {
            return Ok(());
        }
        let request = Request {
            batch,
            expires: EXPIRES.as_nanos(),
            idle_heartbeat: HEARTBEAT.as_nanos(),
        };
        let Ok(request) = serde_json::to_vec(&request) else {
            return Err(Pulled::Refused("the request cannot be written".into()));
        };
        let client = connection.client();
        let publish = client.publish_with_reply(self.subject.clone(), self.inbox.clone(), request.into());
        // A request that is given up midway was not sent.
        match timeout_at(Instant::now() + LOOK, publish).await {
            Ok(Ok(())) => self.left += batch,
            Ok(Err(_)) => return Err(Pulled::Ended),
            Err(_) => {}
        }
        Ok(())
    }

    fn take(&mut self, message: Message, now: Instant) -> Pulled {
        self.heard = now;
        let status = message.status.unwrap_or(StatusCode::OK);
        if status != StatusCode::OK {
            return self.told(status, &message);
        }
        self.left = self.left.saturating_sub(1);
        self.pace.gives(now);
        Pulled::Message(message)
    }

    /// Asks for nothing more, and gives what came and was not delivered back to the consumer, at once for others.
    pub(super) async fn give_back(mut self, connection: &Connection) {
        // First, or the consumer would give them to this one again.
        if self.subscriber.unsubscribe().await.is_err() {
            return;
        }
        while let Some(message) = self.subscriber.next().await {
            if let (None, Some(reply)) = (message.status, message.reply)
                && connection.client().publish(reply, "-NAK".into()).await.is_err()
            {
                return;
            }
        }
    }

    /// Forgets what was asked for.
    fn ask_anew(&mut self) {
        self.left = 0;
        self.heard = Instant::now();
    }

    fn told(&mut self, status: StatusCode, message: &Message) -> Pulled {
        let description = message.description.as_deref().unwrap_or_default();
        match status {
            StatusCode::IDLE_HEARTBEAT => Pulled::Heard,
            StatusCode::NO_RESPONDERS => {
                self.ask_anew();
                self.not_before = Instant::now() + PAUSE;
                Pulled::Silent
            }
            StatusCode::REQUEST_TERMINATED if description == "Consumer Deleted" => Pulled::Deleted,
            StatusCode::REQUEST_TERMINATED
                if description.starts_with("Exceeded") || description == "Consumer is push based" =>
            {
                Pulled::Refused(description.to_owned())
            }
            status if status.as_u16() == 400 => Pulled::Refused(description.to_owned()),
            // The request is over: no messages in its time, a batch that is complete, or a leader that has changed.
            _ => {
                let pending = message
                    .headers
                    .as_ref()
                    .and_then(|headers| headers.get("Nats-Pending-Messages"));
                let pending = pending.and_then(|pending| pending.as_str().parse().ok());
                self.left = self.left.saturating_sub(pending.unwrap_or(self.left));
                if description == "Leadership Change" || description == "Server Shutdown" {
                    self.not_before = Instant::now() + PAUSE;
                }
                Pulled::Heard
            }
        }
    }
}

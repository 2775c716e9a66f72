use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use driver_events_core::SetupError;
use futures_util::StreamExt;
use tokio::time::sleep;

use super::nats_connection::NatsConnection;

/// Delay before a failed attempt to renew the subscription is repeated.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// Subscription that is renewed when the client is replaced.
pub(crate) struct Subscription {
    connection: NatsConnection,
    subject: String,
    queue_group: Option<String>,
    /// Epoch of the connection before the first subscription.
    epoch: u64,
    state: State,
}

enum State {
    Active {
        subscriber: Subscriber,
        client_epoch: u64,
    },
    /// Kept while `next` is dropped: each attempt waits for its place in the queue of the client.
    Renewing(Renewal),
    Closed,
}

/// The renewed subscription and the epoch of its client; `None` if the connection is closed.
type Renewal = Pin<Box<dyn Future<Output = Option<(Subscriber, u64)>> + Send>>;

impl Subscription {
    /// Subscribes, as a member of the queue group if one is set.
    ///
    /// # Errors
    /// As [`NatsConnection::subscribe`].
    pub(crate) async fn new(
        connection: NatsConnection,
        subject: String,
        queue_group: Option<String>,
    ) -> Result<Self, SetupError> {
        // Read first: the client may be replaced at any time.
        let (epoch, client_epoch) = (connection.epoch(), connection.client_epoch());
        let subscriber = connection.subscribe(subject.clone(), queue_group.clone()).await?;
        Ok(Self {
            connection,
            subject,
            queue_group,
            epoch,
            state: State::Active {
                subscriber,
                client_epoch,
            },
        })
    }

    /// Returns the next message; `None` if the connection is closed. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            match &mut self.state {
                State::Active {
                    subscriber,
                    client_epoch,
                } => {
                    if let Some(message) = subscriber.next().await {
                        return Some(message);
                    }
                    let (subject, group) = (self.subject.clone(), self.queue_group.clone());
                    let renewal = renew(self.connection.clone(), subject, group, *client_epoch);
                    self.state = State::Renewing(Box::pin(renewal));
                }
                State::Renewing(renewal) => {
                    self.state = match renewal.await {
                        Some((subscriber, client_epoch)) => State::Active {
                            subscriber,
                            client_epoch,
                        },
                        None => State::Closed,
                    }
                }
                State::Closed => return None,
            }
        }
    }

    /// Returns whether messages may have been lost since the last call: the client has reconnected, or was replaced and the
    /// subscription is renewed.
    pub(crate) fn has_reconnected(&mut self) -> bool {
        let epoch = self.connection.epoch();
        let is_new = epoch > self.epoch && !matches!(self.state, State::Renewing(_));
        if is_new {
            self.epoch = epoch;
        }
        is_new
    }
}

/// Subscribes with the client that replaces a failed one, and repeats what fails: the queue of the new client may be full while
/// the server is down, or the new client may fail, too.
async fn renew(
    connection: NatsConnection,
    subject: String,
    queue_group: Option<String>,
    failed_epoch: u64,
) -> Option<(Subscriber, u64)> {
    while connection.is_replaced(failed_epoch).await {
        let client_epoch = connection.client_epoch();
        match connection.subscribe(subject.clone(), queue_group.clone()).await {
            Ok(subscriber) => return Some((subscriber, client_epoch)),
            Err(error) => {
                let failure = format!("cannot renew the subscription to `{subject}`: {error}");
                connection.monitor().observe_failure(&failure);
                sleep(RETRY_DELAY).await;
            }
        }
    }
    None
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("subject", &self.subject)
            .field("queue_group", &self.queue_group)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

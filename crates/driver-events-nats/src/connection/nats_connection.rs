use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, PublishError, PublishErrorKind, Statistics, Subscriber};
use driver_events_core::{Fate, SetupError, SetupErrorKind, SinkError, SinkErrorKind};
use tokio::time::timeout;

use super::monitor::{Monitor, Status};

/// Timeout for the client to accept a subscription.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Monitored connection to NATS. Cheap to clone: all clones share the connection.
///
/// Created by [`NatsOptions::connect`](crate::NatsOptions::connect). Sinks, sources and the caller can share it; the
/// caller uses its [`client`](Self::client).
#[derive(Clone)]
pub struct NatsConnection {
    client: Client,
    statistics: Arc<Statistics>,
    monitor: Arc<Monitor>,
    ownership: Ownership,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ownership {
    /// A client of the caller: its event callback is not ours, so the monitor sees nothing.
    Foreign,
    Shared,
    /// Opened by a sink or a source, which closes it.
    Owned,
}

impl NatsConnection {
    pub(super) fn new(client: Client, monitor: Arc<Monitor>) -> Self {
        Self {
            statistics: client.statistics(),
            client,
            monitor,
            ownership: Ownership::Shared,
        }
    }

    /// Wraps a client of the caller.
    pub(crate) fn of_client(client: Client) -> Self {
        Self {
            ownership: Ownership::Foreign,
            ..Self::new(client, Arc::new(Monitor::new("", "_INBOX")))
        }
    }

    pub(super) fn into_shared(self) -> Self {
        Self {
            ownership: Ownership::Shared,
            ..self
        }
    }

    pub(super) fn into_owned(self) -> Self {
        Self {
            ownership: Ownership::Owned,
            ..self
        }
    }

    /// Returns the client of the connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns whether the connection is up. A connection that died silently is detected by
    /// [pings](crate::NatsOptions::ping_interval).
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected && !self.is_closed()
    }

    /// Returns the last error: a server error, or the cause of the last failed attempt to connect. Kept after the
    /// connection has recovered.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.monitor.status().last_error
    }

    /// Returns the number of reconnects.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.epoch() - 1
    }

    /// Sends what the client has queued, then closes the connection and its subscriptions for all users. Idempotent.
    ///
    /// Does not wait for the server. To be sure that it has received all events, close the sink first.
    ///
    /// # Errors
    /// [`Timeout`](SinkErrorKind::Timeout): the connection did not close in time. It cannot close while it is down.
    ///
    /// # Cancel safety
    /// Once the request to close is queued, the connection closes even if the call is dropped.
    pub async fn close(&self, timeout: Duration) -> Result<(), SinkError> {
        let mut status = self.monitor.watch();
        let close = async {
            if status.borrow().is_closed {
                return;
            }
            // The request fails if the client is closed already.
            if self.client.drain().await.is_ok() {
                let _ = status.wait_for(|status: &Status| status.is_closed).await;
            }
        };
        tokio::time::timeout(timeout, close).await.map_err(|elapsed| {
            SinkError::new(SinkErrorKind::Timeout, "the connection to NATS did not close in time")
                .with_fate(Fate::Unknown)
                .with_source(elapsed)
        })
    }

    /// Returns the connection if a sink or source opened it and must close it.
    pub(crate) fn owned(&self) -> Option<&Self> {
        (self.ownership == Ownership::Owned).then_some(self)
    }

    /// Returns the connection unless the caller created the client.
    pub(crate) fn monitored(&self) -> Option<&Self> {
        (self.ownership != Ownership::Foreign).then_some(self)
    }

    pub(crate) fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Returns whether the connection is closed for good. Always `false` for a client of the caller.
    pub(crate) fn is_closed(&self) -> bool {
        self.monitor.is_closed()
    }

    /// Returns the current epoch, which each reconnect increments. It is 1 before the first connect too: messages
    /// queued until then are sent in epoch 1.
    pub(crate) fn epoch(&self) -> u64 {
        self.statistics.connects.load(Ordering::Acquire).max(1)
    }

    /// Subscribes, as a member of the queue group if one is set.
    ///
    /// # Errors
    /// `Unreachable`: the connection is closed, or the client does not accept the subscription in time.
    pub(crate) async fn subscribe(&self, subject: String, group: Option<String>) -> Result<Subscriber, SetupError> {
        let subscribe = async {
            match group {
                Some(group) => self.client.queue_subscribe(subject, group).await,
                None => self.client.subscribe(subject).await,
            }
        };
        let unreachable = |message: &str| SetupError::new(SetupErrorKind::Unreachable, message);
        match timeout(SUBSCRIBE_TIMEOUT, subscribe).await {
            Ok(Ok(subscriber)) => Ok(subscriber),
            Ok(Err(error)) => Err(unreachable("the connection to NATS is closed").with_source(error)),
            Err(elapsed) => {
                Err(unreachable("the queue of the client is full: the connection to NATS is down").with_source(elapsed))
            }
        }
    }
}

impl fmt::Debug for NatsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsConnection")
            .field("is_connected", &self.is_connected())
            .field("reconnects", &self.reconnects())
            .field("last_error", &self.last_error())
            .finish_non_exhaustive()
    }
}

/// Converts an error of the client.
pub(crate) fn publish_error(error: PublishError) -> SinkError {
    let (kind, message) = match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => (
            SinkErrorKind::TooLarge,
            "event is larger than `max_payload` of the server",
        ),
        PublishErrorKind::InvalidSubject => (SinkErrorKind::Rejected, "invalid subject"),
        PublishErrorKind::Send => (SinkErrorKind::Closed, "the connection to NATS is closed"),
    };
    SinkError::new(kind, message)
        .with_fate(Fate::NotSent)
        .with_source(error)
}

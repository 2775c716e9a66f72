use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_nats::connection::State;
use async_nats::{Client, PublishError, PublishErrorKind, Statistics, Subscriber};
use driver_events_core::{Fate, SetupError, SetupErrorKind, SinkError, SinkErrorKind};
use tokio::time::timeout;

use super::monitor::Monitor;

/// Timeout for the client to accept a subscription.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Monitored connection to NATS. Cheap to clone: all clones share the connection.
///
/// Created by [`NatsOptions::connect`](crate::NatsOptions::connect). Sinks, sources and the caller can share it; the
/// caller uses its [`client`](Self::client).
pub struct NatsConnection {
    shared: Arc<Shared>,
    /// The current client when this clone of the connection was created.
    first: Arc<CurrentClient>,
    ownership: Ownership,
}

/// State shared by all clones of a connection.
pub(super) struct Shared {
    current: ArcSwap<CurrentClient>,
    /// [`CurrentClient::earlier_epochs`] of the current client.
    earlier_epochs: AtomicU64,
    pub(super) monitor: Arc<Monitor>,
}

/// A client, current when it was returned.
pub(crate) struct CurrentClient {
    client: Arc<Client>,
    statistics: Arc<Statistics>,
    /// Last epoch of the clients before this one.
    earlier_epochs: u64,
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
        let first = Arc::new(CurrentClient {
            statistics: client.statistics(),
            client: Arc::new(client),
            earlier_epochs: 0,
        });
        let shared = Shared {
            current: ArcSwap::new(Arc::clone(&first)),
            earlier_epochs: AtomicU64::new(0),
            monitor,
        };
        Self {
            shared: Arc::new(shared),
            first,
            ownership: Ownership::Shared,
        }
    }

    pub(super) fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.shared)
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

    /// Returns the client that the connection had when this clone of it was created. It stays the same: if that client
    /// fails, [`current_client`](Self::current_client) is another one.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.first.client
    }

    /// Returns the current client. async-nats panics at a message with a carriage return in a header value: the connection
    /// then replaces the client, and the subscriptions of the old one end.
    #[must_use]
    pub fn current_client(&self) -> Arc<Client> {
        Arc::clone(&self.current().client)
    }

    /// Returns the current client and its epoch, without counting a reference unless the client was replaced after this clone of
    /// the connection was created: the count is shared by all threads that send.
    pub(crate) fn current(&self) -> Cow<'_, Arc<CurrentClient>> {
        match self.shared.earlier_epochs.load(Ordering::Acquire) == self.first.earlier_epochs {
            true => Cow::Borrowed(&self.first),
            false => Cow::Owned(self.shared.current.load_full()),
        }
    }

    /// Returns whether the connection is up: `false` too while a failed client is replaced. A connection that died silently is
    /// detected by [pings](crate::NatsOptions::ping_interval).
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.current_client().connection_state() == State::Connected && self.shared.monitor.has_client()
    }

    /// Returns the last error: of the server, of an attempt to connect, or of a user of the connection that waits or has failed,
    /// such as a lookup or a flush. Kept after the connection has recovered.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.shared.monitor.status().last_error
    }

    /// Returns the number of reconnects.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.epoch() - 1
    }

    /// Sends what the client has queued, then closes the connection and its subscriptions for all users. A client that has
    /// failed is not replaced then. Idempotent.
    ///
    /// Does not wait for the server. To be sure that it has received all events, close the sink first.
    ///
    /// # Errors
    /// [`Timeout`](SinkErrorKind::Timeout): the connection did not close in time. It cannot close while it is down.
    ///
    /// # Cancel safety
    /// Once the request to close is queued, the connection closes even if the call is dropped.
    pub async fn close(&self, timeout: Duration) -> Result<(), SinkError> {
        let close = async {
            let mut is_open = !self.is_closed();
            while is_open {
                let client_epoch = self.client_epoch();
                is_open = match self.current_client().drain().await {
                    Ok(()) => self.is_replaced(client_epoch).await,
                    // The client has failed. Its replacement may have been created before the connection is marked as closed.
                    Err(_) => {
                        self.shared.monitor.close();
                        self.client_epoch() > client_epoch
                    }
                };
            }
        };
        tokio::time::timeout(timeout, close).await.map_err(|elapsed| {
            SinkError::new(SinkErrorKind::Timeout, "the connection to NATS did not close in time")
                .with_fate(Fate::Unknown)
                .with_source(elapsed)
        })
    }

    /// Converts an error of the client.
    pub(crate) fn publish_error(&self, error: PublishError) -> SinkError {
        let (kind, message) = match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => (
                SinkErrorKind::TooLarge,
                "event is larger than `max_payload` of the server",
            ),
            PublishErrorKind::InvalidSubject => (SinkErrorKind::Rejected, "invalid subject"),
            PublishErrorKind::Send if self.is_gone() => (SinkErrorKind::Closed, "the connection to NATS is closed"),
            PublishErrorKind::Send => (SinkErrorKind::Disconnected, "the connection to NATS is being replaced"),
        };
        SinkError::new(kind, message)
            .with_fate(Fate::NotSent)
            .with_source(error)
    }

    /// Returns whether a client that no longer works will not be replaced.
    pub(crate) fn is_gone(&self) -> bool {
        self.ownership == Ownership::Foreign || self.is_closed()
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
        &self.shared.monitor
    }

    /// Returns whether the connection is closed for good. Always `false` for a client of the caller.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.monitor.is_closed()
    }

    /// Returns the current epoch, which each reconnect increments. It is 1 before the first connect too: messages
    /// queued until then are sent in epoch 1.
    pub(crate) fn epoch(&self) -> u64 {
        self.current().epoch()
    }

    /// Returns a counter that increases whenever a failed client is replaced.
    pub(crate) fn client_epoch(&self) -> u64 {
        self.shared.current.load().earlier_epochs
    }

    /// Waits until the client of this epoch is replaced. Returns `false` if the connection is closed for good: the client
    /// of a caller is never replaced.
    pub(crate) async fn is_replaced(&self, client_epoch: u64) -> bool {
        if self.ownership == Ownership::Foreign {
            return false;
        }
        let mut status = self.shared.monitor.watch();
        loop {
            if status.borrow_and_update().is_closed {
                return false;
            }
            if self.client_epoch() > client_epoch {
                return true;
            }
            // An error only if the sender is dropped, but this connection holds it.
            if status.changed().await.is_err() {
                return false;
            }
        }
    }

    /// Subscribes, as a member of the queue group if one is set.
    ///
    /// # Errors
    /// `Unreachable`: the connection is closed, or the client does not accept the subscription in time.
    pub(crate) async fn subscribe(&self, subject: String, group: Option<String>) -> Result<Subscriber, SetupError> {
        let client = self.current_client();
        let subscribe = async {
            match group {
                Some(group) => client.queue_subscribe(subject, group).await,
                None => client.subscribe(subject).await,
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

impl Clone for NatsConnection {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            first: self.current().into_owned(),
            ownership: self.ownership,
        }
    }
}

impl Shared {
    /// Replaces a client that has failed. Called by one task only.
    pub(super) fn replace(&self, client: Client) {
        let earlier_epochs = self.current.load().epoch();
        self.current.store(Arc::new(CurrentClient {
            statistics: client.statistics(),
            client: Arc::new(client),
            earlier_epochs,
        }));
        self.earlier_epochs.store(earlier_epochs, Ordering::Release);
        self.monitor.observe_replacement();
    }
}

impl CurrentClient {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Same as [`NatsConnection::epoch`].
    pub(crate) fn epoch(&self) -> u64 {
        self.earlier_epochs + self.statistics.connects.load(Ordering::Acquire).max(1)
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

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, Statistics};
use driver_events_core::{Fate, SinkError, SinkErrorKind};
use tokio::time::timeout;

use crate::connection_state::{ConnectionState, Status};

/// A connection to NATS that knows how it is doing. Cheap to clone: all clones are the same connection.
///
/// Made by [`NatsOptions::connect`](crate::NatsOptions::connect). It can be shared by sinks and sources, and by the
/// caller, through [`client`](Self::client).
#[derive(Clone)]
pub struct NatsConnection {
    client: Client,
    statistics: Arc<Statistics>,
    state: ConnectionState,
}

impl NatsConnection {
    pub(crate) fn new(client: Client, state: ConnectionState) -> Self {
        Self {
            statistics: client.statistics(),
            client,
            state,
        }
    }

    /// The client beneath.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the link to a server is up, as far as the client knows: a link that died without a word is found by
    /// [pings](crate::NatsOptions::ping_interval).
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected && !self.state.status().is_closed
    }

    /// What went wrong last, also where all is well again: what the server said, or why the last attempt to connect
    /// failed.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.state.status().last_error
    }

    /// How often the connection was made again after it was lost.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.statistics.connects.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Why the server refuses the credentials; none while it is connected, or when something else is wrong.
    pub(crate) fn auth_error(&self) -> Option<Arc<str>> {
        if self.client.connection_state() == State::Connected {
            return None;
        }
        self.state.status().auth_error
    }

    pub(crate) fn state(&self) -> &ConnectionState {
        &self.state
    }

    /// Ends the connection, for all who share it, after what was sent before has left this process. Subscriptions end
    /// too. May be called again.
    ///
    /// Sinks have a `close` of their own, which makes sure that the server has everything, and only then calls this.
    ///
    /// # Errors
    /// [`Timeout`](SinkErrorKind::Timeout): the connection did not end in time; while no server answers it cannot.
    ///
    /// # Cancel safety
    /// The connection ends all the same once the request for it is on its way.
    pub async fn close(&self, patience: Duration) -> Result<(), SinkError> {
        let mut status = self.state.watch();
        let close = async {
            if status.borrow().is_closed {
                return;
            }
            // A client that takes no more requests has ended already.
            if self.client.drain().await.is_ok() {
                let _ = status.wait_for(|status: &Status| status.is_closed).await;
            }
        };
        timeout(patience, close).await.map_err(|elapsed| {
            SinkError::new(SinkErrorKind::Timeout, "the connection to NATS did not end in time")
                .with_fate(Fate::Unknown)
                .with_source(elapsed)
        })
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

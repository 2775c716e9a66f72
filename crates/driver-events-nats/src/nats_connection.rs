use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, Statistics};
use driver_events_core::{Fate, SinkError, SinkErrorKind};

use crate::connection_state::{ConnectionState, Status};

/// Monitored connection to NATS. Cheap to clone: all clones share the connection.
///
/// Created by [`NatsOptions::connect`](crate::NatsOptions::connect). Sinks, sources and the caller can share it; the
/// caller uses its [`client`](Self::client).
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

    /// Returns the client of the connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns whether the connection is up. A connection that died silently is detected by
    /// [pings](crate::NatsOptions::ping_interval).
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected && !self.state.status().is_closed
    }

    /// Returns the last error: a server error, or the cause of the last failed attempt to connect. Kept after the
    /// connection has recovered.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.state.status().last_error
    }

    /// Returns the number of reconnects.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.statistics.connects.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Returns why the server rejects the credentials. `None` while connected, or while attempts fail for other reasons.
    pub(crate) fn auth_error(&self) -> Option<Arc<str>> {
        if self.client.connection_state() == State::Connected {
            return None;
        }
        self.state.status().auth_error
    }

    pub(crate) fn state(&self) -> &ConnectionState {
        &self.state
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
        let mut status = self.state.watch();
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

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::connection::State;
use async_nats::{Client, Statistics};

use crate::connection_state::ConnectionState;
use crate::{NatsConnection, NatsOptions, SetupError};

/// Connection setting of a builder.
#[derive(Clone, Debug, Default)]
pub(crate) enum ConnectionConfig {
    #[default]
    Missing,
    Client(Client),
    Shared(NatsConnection),
    Options(NatsOptions),
}

impl ConnectionConfig {
    pub(crate) async fn connect(self) -> Result<Connection, SetupError> {
        match self {
            Self::Missing => Err(SetupError::invalid(
                "missing connection: set options, connection or client",
            )),
            Self::Client(client) => Ok(Connection::of_client(client)),
            Self::Shared(connection) => Ok(Connection::of_connection(connection, false)),
            Self::Options(options) => Ok(Connection::of_connection(options.connect().await?, true)),
        }
    }
}

/// Connection of a sink or a source.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    client: Client,
    statistics: Arc<Statistics>,
    /// `None` for a client of the caller: its event callback is not ours.
    nats_connection: Option<NatsConnection>,
    is_owned: bool,
}

impl Connection {
    pub(crate) fn of_client(client: Client) -> Self {
        Self {
            statistics: client.statistics(),
            client,
            nats_connection: None,
            is_owned: false,
        }
    }

    pub(crate) fn of_connection(connection: NatsConnection, is_owned: bool) -> Self {
        let client = connection.client().clone();
        Self {
            statistics: client.statistics(),
            client,
            nats_connection: Some(connection),
            is_owned,
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn nats_connection(&self) -> Option<&NatsConnection> {
        self.nats_connection.as_ref()
    }

    /// Returns the connection if it is closed together with the sink or source.
    pub(crate) fn owned(&self) -> Option<&NatsConnection> {
        self.nats_connection.as_ref().filter(|_| self.is_owned)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Returns why the server rejects the credentials, if it does and the event callback is ours.
    pub(crate) fn auth_error(&self) -> Option<Arc<str>> {
        self.nats_connection.as_ref().and_then(NatsConnection::auth_error)
    }

    pub(crate) fn state(&self) -> Option<&ConnectionState> {
        self.nats_connection.as_ref().map(NatsConnection::state)
    }

    /// Returns the number of the current epoch, which each connect increments. Starts at 1, before the first connect too:
    /// messages sent until then are sent in epoch 1.
    pub(crate) fn epoch(&self) -> u64 {
        self.statistics.connects.load(Ordering::Acquire).max(1)
    }
}

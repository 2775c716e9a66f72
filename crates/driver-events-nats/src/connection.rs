//! The connection of a sink or a source, and who owns it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::connection::State;
use async_nats::{Client, Statistics};

use crate::connection_state::ConnectionState;
use crate::{NatsConnection, NatsOptions, SetupError};

/// Where a builder takes the connection from.
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
                "neither a client, nor a connection, nor options to connect with were given",
            )),
            Self::Client(client) => Ok(Connection::of_client(client)),
            Self::Shared(connection) => Ok(Connection::of_connection(connection, false)),
            Self::Options(options) => Ok(Connection::of_connection(options.connect().await?, true)),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Connection {
    client: Client,
    statistics: Arc<Statistics>,
    /// None where the caller made the client: then nobody sees what its callback is told.
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

    /// The connection that ends with the sink or the source.
    pub(crate) fn owned(&self) -> Option<&NatsConnection> {
        self.nats_connection.as_ref().filter(|_| self.is_owned)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Why the server refuses the credentials, where that is so and can be known.
    pub(crate) fn auth_error(&self) -> Option<Arc<str>> {
        self.nats_connection.as_ref().and_then(NatsConnection::auth_error)
    }

    pub(crate) fn state(&self) -> Option<&ConnectionState> {
        self.nats_connection.as_ref().map(NatsConnection::state)
    }

    /// The number of the connection that is in use: from 1, also while the first is still to be made, since what is
    /// sent meanwhile waits for that one.
    pub(crate) fn epoch(&self) -> u64 {
        self.statistics.connects.load(Ordering::Acquire).max(1)
    }
}

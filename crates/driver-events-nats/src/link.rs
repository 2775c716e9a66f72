//! The connection of a sink or a source, and who owns it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::connection::State;
use async_nats::{Client, Statistics};

use crate::state::ConnectionState;
use crate::{NatsConnection, NatsOptions, SetupError};

/// Where a builder takes the connection from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Target {
    #[default]
    Missing,
    Client(Client),
    Connection(NatsConnection),
    Options(NatsOptions),
}

impl Target {
    pub(crate) async fn link(self) -> Result<Link, SetupError> {
        match self {
            Self::Missing => Err(SetupError::invalid(
                "neither a client, nor a connection, nor options to connect with were given",
            )),
            Self::Client(client) => Ok(Link::of_client(client)),
            Self::Connection(connection) => Ok(Link::of_connection(connection, false)),
            Self::Options(options) => Ok(Link::of_connection(options.connect().await?, true)),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Link {
    client: Client,
    statistics: Arc<Statistics>,
    /// None where the caller made the client: then nobody sees what its callback is told.
    connection: Option<NatsConnection>,
    is_own: bool,
}

impl Link {
    pub(crate) fn of_client(client: Client) -> Self {
        Self {
            statistics: client.statistics(),
            client,
            connection: None,
            is_own: false,
        }
    }

    pub(crate) fn of_connection(connection: NatsConnection, is_own: bool) -> Self {
        let client = connection.client().clone();
        Self {
            statistics: client.statistics(),
            client,
            connection: Some(connection),
            is_own,
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn connection(&self) -> Option<&NatsConnection> {
        self.connection.as_ref()
    }

    /// The connection that ends with the sink or the source.
    pub(crate) fn own_connection(&self) -> Option<&NatsConnection> {
        self.connection.as_ref().filter(|_| self.is_own)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Why the server refuses the credentials, where that is so and can be known.
    pub(crate) fn refusal(&self) -> Option<Arc<str>> {
        self.connection.as_ref().and_then(NatsConnection::refusal)
    }

    pub(crate) fn state(&self) -> Option<&ConnectionState> {
        self.connection.as_ref().map(NatsConnection::state)
    }

    /// The number of the connection that is in use: from 1, also while the first is still to be made, since what is
    /// sent meanwhile waits for that one.
    pub(crate) fn connection_number(&self) -> u64 {
        self.statistics.connects.load(Ordering::Acquire).max(1)
    }
}

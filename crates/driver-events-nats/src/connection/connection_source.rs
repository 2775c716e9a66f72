use async_nats::Client;
use driver_events_core::SetupError;

use super::nats_connection::NatsConnection;
use super::options::NatsOptions;

/// Connection setting of a builder.
#[derive(Clone, Debug, Default)]
pub(crate) enum ConnectionSource {
    #[default]
    Missing,
    Client(Client),
    Shared(NatsConnection),
    Options(NatsOptions),
}

impl ConnectionSource {
    /// Makes a connection of these options come up later.
    pub(crate) fn set_in_background(&mut self) {
        if let Self::Options(options) = self {
            options.is_in_background = true;
        }
    }

    /// Returns whether the connection may come up later.
    pub(crate) fn is_in_background(&self) -> bool {
        matches!(self, Self::Options(options) if options.is_in_background)
    }

    pub(crate) async fn connect(self) -> Result<NatsConnection, SetupError> {
        match self {
            Self::Missing => Err(SetupError::invalid(
                "missing connection: set options, connection or client",
            )),
            Self::Client(client) => Ok(NatsConnection::of_client(client)),
            Self::Shared(connection) => Ok(connection.into_shared()),
            Self::Options(options) => Ok(options.connect().await?.into_owned()),
        }
    }
}

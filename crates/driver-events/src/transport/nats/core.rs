use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::SetupError;
use driver_events_nats::{NatsConnection, NatsEventSink, NatsEventSource};

use super::address::NatsAddress;
use super::credentials::connection_options;
use crate::opened_sink::{OpenedSink, SinkState};
use crate::opened_source::OpenedSource;
use crate::options::Options;
use crate::protocol::Protocol;
use crate::transport::remote::{RemoteSink, RemoteSource};
use crate::url::{Url, UrlError};

/// Parsed `nats://HOST:PORT` or `tls://HOST:PORT` URL.
#[derive(Debug)]
pub(super) struct CoreAddress(NatsAddress);

impl CoreAddress {
    pub(super) fn of_sink(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = Self::parse(url)?;
        url.take_parameters("`prefix`, `bare`, `inbox` or `tls`", |key, value| {
            address.0.set_parameter(key, value)
        })?;
        Ok(address)
    }

    pub(super) fn of_source(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = Self::parse(url)?;
        url.take_parameters("`prefix`, `inbox` or `tls`", |key, value| match key {
            "bare" => Ok(false),
            _ => address.0.set_parameter(key, value),
        })?;
        Ok(address)
    }

    fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
        match NatsAddress::parse(url)? {
            (address, "") => Ok(Self(address)),
            _ => Err(UrlError::new(
                "unexpected path: write `jetstream://HOST:PORT/STREAM` for a stream",
            )),
        }
    }
}

#[async_trait]
impl RemoteSink for CoreAddress {
    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    async fn open(&self, options: &Options) -> Result<OpenedSink, SetupError> {
        let Self(address) = self;
        let mut connection = connection_options(address, options)?;
        if options.check_later {
            connection = connection.connect_in_background();
        }
        let mut builder = NatsEventSink::builder().options(connection);
        if let Some(timeout) = options.timeout {
            builder = builder.send_timeout(timeout).flush_timeout(timeout);
        }
        if let Some(prefix) = &address.prefix {
            builder = builder.prefix(prefix);
        }
        if address.bare {
            builder = builder.bare();
        }
        let sink = builder.build().await?;
        let connection = sink.connection().cloned();
        Ok(OpenedSink {
            retains_unflushed: false,
            state: Arc::new(connection),
            ..OpenedSink::new(sink)
        })
    }
}

#[async_trait]
impl RemoteSource for CoreAddress {
    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    async fn open(&self, options: &Options) -> Result<OpenedSource, SetupError> {
        let Self(address) = self;
        let mut builder = NatsEventSource::builder()
            .options(connection_options(address, options)?)
            .filter(options.filter());
        if let Some(prefix) = &address.prefix {
            builder = builder.prefix(prefix);
        }
        Ok(OpenedSource::new(builder.build().await?))
    }
}

/// The connection of a sink.
impl SinkState for Option<NatsConnection> {
    fn last_error(&self) -> Option<String> {
        Some(self.as_ref()?.last_error()?.to_string())
    }
}

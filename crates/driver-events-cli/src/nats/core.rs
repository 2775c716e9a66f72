use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::SourceError;
use driver_events_nats::{NatsEventSink, NatsEventSource};

use super::NatsAddress;
use crate::open_error::OpenError;
use crate::remote::{Protocol, RemoteOrigin, RemoteSource, RemoteTarget};
use crate::tail::Reading;
use crate::target::{CALL_TIMEOUT, Opened, Opening};
use crate::url::{Url, UrlError};

/// A `nats://HOST:PORT` or `tls://HOST:PORT` URL.
#[derive(Debug)]
pub(super) struct CoreAddress(NatsAddress);

impl CoreAddress {
    pub(super) fn of_target(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = Self::parse(url)?;
        url.take_parameters("but `prefix`, `bare`, `inbox` and `tls`", |key, value| {
            address.0.take(key, value)
        })?;
        Ok(address)
    }

    pub(super) fn of_origin(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = Self::parse(url)?;
        url.take_parameters("but `prefix`, `inbox` and `tls`", |key, value| match key {
            "bare" => Ok(false),
            _ => address.0.take(key, value),
        })?;
        Ok(address)
    }

    /// Core NATS has no streams to name.
    fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
        match NatsAddress::parse(url)? {
            (address, "") => Ok(Self(address)),
            _ => Err(UrlError::new(
                "nothing may follow the host: write `jetstream://HOST:PORT/STREAM` for a stream",
            )),
        }
    }
}

#[async_trait]
impl RemoteTarget for CoreAddress {
    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    async fn open(&self, _: &str, opening: &Opening) -> Result<Opened, OpenError> {
        let Self(address) = self;
        let mut builder = NatsEventSink::builder()
            .options(opening.connecting.nats.options(address)?)
            .send_timeout(CALL_TIMEOUT)
            .flush_timeout(CALL_TIMEOUT);
        if let Some(prefix) = &address.prefix {
            builder = builder.prefix(prefix);
        }
        if address.bare {
            builder = builder.bare();
        }
        Ok(Opened {
            holds_unflushed: false,
            ..Opened::new(Arc::new(builder.build().await?))
        })
    }
}

#[async_trait]
impl RemoteOrigin for CoreAddress {
    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    async fn open(&self, reading: &Reading) -> Result<Box<dyn RemoteSource>, OpenError> {
        let Self(address) = self;
        let mut builder = NatsEventSource::builder()
            .options(reading.connecting.nats.options(address)?)
            .filter(reading.filter.clone());
        if let Some(prefix) = &address.prefix {
            builder = builder.prefix(prefix);
        }
        Ok(Box::new(builder.build().await?))
    }
}

#[async_trait]
impl RemoteSource for NatsEventSource {
    /// Nobody waits for answers.
    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        Ok(())
    }
}

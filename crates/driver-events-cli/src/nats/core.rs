use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::DriverEventSource;
use driver_events_nats::{NatsEventSink, NatsEventSource};

use super::NatsAddress;
use crate::open_error::OpenError;
use crate::remote::{Protocol, RemoteSourceUrl, RemoteTarget};
use crate::tail::ReadOptions;
use crate::target::{CALL_TIMEOUT, OpenedTarget, TargetOptions};
use crate::url::{Url, UrlError};

/// Parsed `nats://HOST:PORT` or `tls://HOST:PORT` URL.
#[derive(Debug)]
pub(super) struct CoreAddress(NatsAddress);

impl CoreAddress {
    pub(super) fn of_target(url: &Url<'_>) -> Result<Self, UrlError> {
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
impl RemoteTarget for CoreAddress {
    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    async fn open(&self, _: &str, options: &TargetOptions) -> Result<OpenedTarget, OpenError> {
        let Self(address) = self;
        let mut builder = NatsEventSink::builder()
            .options(options.connection.nats.options(address)?)
            .send_timeout(CALL_TIMEOUT)
            .flush_timeout(CALL_TIMEOUT);
        if let Some(prefix) = &address.prefix {
            builder = builder.prefix(prefix);
        }
        if address.bare {
            builder = builder.bare();
        }
        Ok(OpenedTarget {
            retains_unflushed: false,
            ..OpenedTarget::new(Arc::new(builder.build().await?))
        })
    }
}

#[async_trait]
impl RemoteSourceUrl for CoreAddress {
    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    async fn open(&self, options: &ReadOptions) -> Result<Box<dyn DriverEventSource>, OpenError> {
        let Self(address) = self;
        let mut builder = NatsEventSource::builder()
            .options(options.connection.nats.options(address)?)
            .filter(options.filter.clone());
        if let Some(prefix) = &address.prefix {
            builder = builder.prefix(prefix);
        }
        Ok(Box::new(builder.build().await?))
    }
}

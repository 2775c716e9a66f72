use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::SourceError;
use driver_events_nats::{
    JetStreamEventSink, JetStreamEventSource, JetStreamEventSourceBuilder, SetupErrorKind, StreamSettings,
};

use super::NatsAddress;
use crate::open_error::OpenError;
use crate::remote::{Protocol, RemoteOrigin, RemoteSource, RemoteTarget};
use crate::start::Start;
use crate::tail::Reading;
use crate::target::{CALL_TIMEOUT, Opened, Opening};
use crate::url::{Url, UrlError};

/// A `jetstream://HOST:PORT/STREAM` URL.
#[derive(Debug)]
pub(super) struct JetStreamAddress {
    servers: NatsAddress,
    stream: String,
    domain: Option<String>,
    start: Option<Start>,
}

impl JetStreamAddress {
    pub(super) fn of_target(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = Self::parse(url)?;
        url.take_parameters(
            "but `prefix`, `bare`, `domain`, `inbox` and `tls`",
            |key, value| match key {
                "offset" => Err(UrlError::new("`offset` is for reading")),
                _ => address.take(key, value),
            },
        )?;
        Ok(address)
    }

    pub(super) fn of_origin(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = Self::parse(url)?;
        let known = "but `prefix`, `offset`, `domain`, `inbox` and `tls`";
        url.take_parameters(known, |key, value| match key {
            "bare" => Ok(false),
            "offset" => {
                address.start = Some(Start::offset(UrlError::needs_value(key, value)?)?);
                Ok(true)
            }
            _ => address.take(key, value),
        })?;
        Ok(address)
    }

    fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
        let (servers, stream) = NatsAddress::parse(url)?;
        if stream.is_empty() || stream.contains('/') {
            return Err(UrlError::new(
                "it names no stream: write `jetstream://HOST:PORT/STREAM`",
            ));
        }
        Ok(Self {
            servers,
            stream: stream.to_owned(),
            domain: None,
            start: None,
        })
    }

    /// Takes a parameter. False for one that is not known.
    fn take(&mut self, key: &str, value: Option<&str>) -> Result<bool, UrlError> {
        if key != "domain" {
            return self.servers.take(key, value);
        }
        self.domain = Some(UrlError::needs_value(key, value)?.to_owned());
        Ok(true)
    }

    /// A stream that may be made, which knows an event again for longer than it is tried to publish it.
    fn settings(&self, timeout: Duration) -> StreamSettings {
        let window = Duration::from_secs(120).max(timeout.saturating_add(Duration::from_secs(60)));
        let mut settings = StreamSettings::new(&self.stream).duplicate_window(window);
        if let Some(prefix) = &self.servers.prefix {
            settings = settings.prefix(prefix);
        }
        if let Some(domain) = &self.domain {
            settings = settings.domain(domain);
        }
        settings
    }
}

#[async_trait]
impl RemoteTarget for JetStreamAddress {
    fn protocol(&self) -> Protocol {
        Protocol::JetStream
    }

    async fn open(&self, _: &str, opening: &Opening) -> Result<Opened, OpenError> {
        let connection = opening.connecting.nats.options(&self.servers)?.connect().await?;
        let mut warnings = Vec::new();
        if opening.create_stream {
            let stream = connection.ensure_stream(&self.settings(opening.timeout)).await?;
            warnings.extend(stream.warnings.iter().map(ToString::to_string));
        }
        let mut builder = JetStreamEventSink::builder(&self.stream)
            .connection(connection)
            .retry_timeout(CALL_TIMEOUT);
        if let Some(prefix) = &self.servers.prefix {
            builder = builder.prefix(prefix);
        }
        if let Some(domain) = &self.domain {
            builder = builder.domain(domain);
        }
        if self.servers.bare {
            builder = builder.bare();
        }
        let sink = builder.build().await.map_err(|error| match error.kind() {
            SetupErrorKind::NoStream => OpenError::failed(format!(
                "the stream {:?} does not exist: correct its name, or make it with --create-stream",
                self.stream
            )),
            _ => error.into(),
        })?;
        if !opening.create_stream {
            warnings.extend(sink.warnings().iter().map(ToString::to_string));
        }
        // The sink itself tries for a while, before and after.
        let longest_outage = sink.duplicate_window().saturating_sub(3 * CALL_TIMEOUT);
        Ok(Opened {
            longest_outage,
            warnings,
            ..Opened::new(Arc::new(sink))
        })
    }
}

#[async_trait]
impl RemoteOrigin for JetStreamAddress {
    fn protocol(&self) -> Protocol {
        Protocol::JetStream
    }

    fn has_start(&self) -> bool {
        self.start.is_some()
    }

    async fn open(&self, reading: &Reading) -> Result<Box<dyn RemoteSource>, OpenError> {
        let mut builder = JetStreamEventSource::builder(&self.stream)
            .options(reading.connecting.nats.options(&self.servers)?)
            .filter(reading.filter.clone());
        if let Some(prefix) = &self.servers.prefix {
            builder = builder.prefix(prefix);
        }
        if let Some(domain) = &self.domain {
            builder = builder.domain(domain);
        }
        if let Some(name) = &reading.durable {
            builder = builder.durable(name);
        }
        if let Some(start) = reading.since.or(self.start) {
            builder = from(builder, start);
        }
        Ok(Box::new(builder.build().await?))
    }
}

#[async_trait]
impl RemoteSource for JetStreamEventSource {
    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        (*self).close().await
    }
}

fn from(source: JetStreamEventSourceBuilder, start: Start) -> JetStreamEventSourceBuilder {
    match start {
        Start::Earliest => source.from_start(),
        Start::Latest => source.from_new(),
        Start::Time(time) => source.from_time(time),
    }
}

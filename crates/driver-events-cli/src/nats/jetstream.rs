use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::DriverEventSource;
use driver_events_nats::{
    JetStreamEventSink, JetStreamEventSource, JetStreamEventSourceBuilder, SetupErrorKind, StreamSettings,
};

use super::NatsAddress;
use crate::open_error::OpenError;
use crate::remote::{Protocol, RemoteSourceUrl, RemoteTarget};
use crate::start_position::StartPosition;
use crate::tail::ReadOptions;
use crate::target::{CALL_TIMEOUT, OpenedTarget, TargetOptions};
use crate::url::{Url, UrlError};

/// Parsed `jetstream://HOST:PORT/STREAM` URL.
#[derive(Debug)]
pub(super) struct JetStreamAddress {
    servers: NatsAddress,
    stream: String,
    domain: Option<String>,
    start: Option<StartPosition>,
}

impl JetStreamAddress {
    pub(super) fn of_target(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = Self::parse(url)?;
        url.take_parameters("`prefix`, `bare`, `domain`, `inbox` or `tls`", |key, value| match key {
            "offset" => Err(UrlError::new("parameter `offset` is valid for `tail` only")),
            _ => address.set_parameter(key, value),
        })?;
        Ok(address)
    }

    pub(super) fn of_source(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = Self::parse(url)?;
        let expected = "`prefix`, `offset`, `domain`, `inbox` or `tls`";
        url.take_parameters(expected, |key, value| match key {
            "bare" => Ok(false),
            "offset" => {
                address.start = Some(StartPosition::parse_offset(UrlError::required_value(key, value)?)?);
                Ok(true)
            }
            _ => address.set_parameter(key, value),
        })?;
        Ok(address)
    }

    fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
        let (servers, stream) = NatsAddress::parse(url)?;
        if stream.is_empty() || stream.contains('/') {
            return Err(UrlError::new("missing stream: write `jetstream://HOST:PORT/STREAM`"));
        }
        Ok(Self {
            servers,
            stream: stream.to_owned(),
            domain: None,
            start: None,
        })
    }

    /// Sets a parameter. Returns `false` for an unknown one.
    fn set_parameter(&mut self, key: &str, value: Option<&str>) -> Result<bool, UrlError> {
        if key != "domain" {
            return self.servers.set_parameter(key, value);
        }
        self.domain = Some(UrlError::required_value(key, value)?.to_owned());
        Ok(true)
    }

    /// Returns the settings of a new stream, whose duplicate window is longer than `timeout`.
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

    async fn open(&self, _: &str, options: &TargetOptions) -> Result<OpenedTarget, OpenError> {
        let connection = options.connection.nats.options(&self.servers)?.connect().await?;
        let mut warnings = Vec::new();
        if options.create_stream {
            let stream = connection.ensure_stream(&self.settings(options.timeout)).await?;
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
            SetupErrorKind::NotFound => OpenError::failed(format!(
                "stream `{}` does not exist: correct its name, or create it with --create-stream",
                self.stream
            )),
            _ => error.into(),
        })?;
        if !options.create_stream {
            warnings.extend(sink.warnings().iter().map(ToString::to_string));
        }
        // The sink itself retries before the outage is noticed and after its end.
        let max_outage = sink.duplicate_window().saturating_sub(3 * CALL_TIMEOUT);
        Ok(OpenedTarget {
            max_outage,
            warnings,
            ..OpenedTarget::new(Arc::new(sink))
        })
    }
}

#[async_trait]
impl RemoteSourceUrl for JetStreamAddress {
    fn protocol(&self) -> Protocol {
        Protocol::JetStream
    }

    fn has_start(&self) -> bool {
        self.start.is_some()
    }

    async fn open(&self, options: &ReadOptions) -> Result<Box<dyn DriverEventSource>, OpenError> {
        let mut builder = JetStreamEventSource::builder(&self.stream)
            .options(options.connection.nats.options(&self.servers)?)
            .filter(options.filter.clone());
        if let Some(prefix) = &self.servers.prefix {
            builder = builder.prefix(prefix);
        }
        if let Some(domain) = &self.domain {
            builder = builder.domain(domain);
        }
        if let Some(name) = &options.durable {
            builder = builder.durable(name);
        }
        if let Some(start) = options.since.or(self.start) {
            builder = start_from(builder, start);
        }
        Ok(Box::new(builder.build().await?))
    }
}

fn start_from(builder: JetStreamEventSourceBuilder, start: StartPosition) -> JetStreamEventSourceBuilder {
    match start {
        StartPosition::Earliest => builder.from_start(),
        StartPosition::Latest => builder.from_new(),
        StartPosition::Time(time) => builder.from_time(time),
    }
}

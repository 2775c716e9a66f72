use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{SetupError, SetupErrorKind};
use driver_events_nats::{
    JetStreamEventSink, JetStreamEventSource, JetStreamEventSourceBuilder, NatsOptions, StreamSettings,
};

use super::address::NatsAddress;
use super::credentials::connection_options;
use crate::opened_sink::OpenedSink;
use crate::opened_source::OpenedSource;
use crate::options::Options;
use crate::protocol::Protocol;
use crate::start_position::StartPosition;
use crate::transport::remote::{RemoteSink, RemoteSource};
use crate::url::{Url, UrlError};

/// Default duplicate window of a new stream, if that is long enough for the retries.
const MIN_DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Timeout of closing a connection that has served its purpose.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Parsed `jetstream://HOST:PORT/STREAM` URL.
#[derive(Debug)]
pub(super) struct JetStreamAddress {
    servers: NatsAddress,
    stream: String,
    domain: Option<String>,
    start: Option<StartPosition>,
}

impl JetStreamAddress {
    pub(super) fn of_sink(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = Self::parse(url)?;
        url.take_parameters("`prefix`, `bare`, `domain`, `inbox` or `tls`", |key, value| match key {
            "offset" => Err(UrlError::new("parameter `offset` is valid for a source only")),
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
                address.start = Some(UrlError::parsed(key, value)?);
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

    /// Returns the settings of a new stream.
    fn settings(&self, options: &Options) -> StreamSettings {
        let window = options.duplicate_window.unwrap_or_else(|| {
            let retries = options.timeout.unwrap_or_default().saturating_mul(4);
            retries.max(MIN_DUPLICATE_WINDOW)
        });
        let mut settings = StreamSettings::new(&self.stream).duplicate_window(window);
        if let Some(prefix) = &self.servers.prefix {
            settings = settings.prefix(prefix);
        }
        if let Some(domain) = &self.domain {
            settings = settings.domain(domain);
        }
        settings
    }

    /// Creates the stream, over a connection of its own: that of the sink is closed with the sink.
    async fn create_stream(&self, connection: NatsOptions, options: &Options) -> Result<Vec<String>, SetupError> {
        let connection = connection.connect().await?;
        let created = connection.ensure_stream(&self.settings(options)).await;
        // A connection that does not close in time closes when it is dropped.
        let _ = connection.close(CLOSE_TIMEOUT).await;
        Ok(created?.warnings.iter().map(ToString::to_string).collect())
    }

    /// Says how to create a stream that does not exist. The cause says nothing more.
    fn missing(&self, error: SetupError) -> SetupError {
        match error.kind() {
            SetupErrorKind::NotFound => SetupError::new(
                SetupErrorKind::NotFound,
                format!(
                    "stream `{}` does not exist: correct its name, or create it with the option `create-stream`",
                    self.stream
                ),
            ),
            _ => error,
        }
    }
}

#[async_trait]
impl RemoteSink for JetStreamAddress {
    fn protocol(&self) -> Protocol {
        Protocol::JetStream
    }

    async fn open(&self, options: &Options) -> Result<OpenedSink, SetupError> {
        let mut connection = connection_options(&self.servers, options)?;
        if options.check_later {
            connection = connection.connect_in_background();
        }
        let mut builder = JetStreamEventSink::builder(&self.stream);
        if let Some(timeout) = options.timeout {
            builder = builder.retry_timeout(timeout);
        }
        if let Some(prefix) = &self.servers.prefix {
            builder = builder.prefix(prefix);
        }
        if let Some(domain) = &self.domain {
            builder = builder.domain(domain);
        }
        if self.servers.bare {
            builder = builder.bare();
        }
        let mut warnings = Vec::new();
        if options.create_stream {
            if options.check_later {
                return Err(SetupError::invalid(
                    "option `check-later` conflicts with `create-stream`, which waits for the server: remove one",
                ));
            }
            if let (Some(window), Some(timeout)) = (options.duplicate_window, options.timeout)
                && window <= timeout
            {
                return Err(SetupError::invalid(
                    "option `duplicate-window` must be longer than `timeout`",
                ));
            }
            warnings = self.create_stream(connection.clone(), options).await?;
        }
        let sink = builder
            .options(connection)
            .build()
            .await
            .map_err(|error| self.missing(error))?;
        if !options.create_stream {
            warnings.extend(sink.warnings().iter().map(ToString::to_string));
        }
        // The sink itself retries before the outage is noticed and after its end.
        let own_retries = sink.retry_timeout().saturating_mul(3);
        let longest_outage = sink.duplicate_window().unwrap_or_default().saturating_sub(own_retries);
        let connection = sink.connection().cloned();
        Ok(OpenedSink {
            warnings,
            longest_outage,
            state: Arc::new(connection),
            ..OpenedSink::new(sink)
        })
    }
}

#[async_trait]
impl RemoteSource for JetStreamAddress {
    fn protocol(&self) -> Protocol {
        Protocol::JetStream
    }

    fn has_start(&self) -> bool {
        self.start.is_some()
    }

    async fn open(&self, options: &Options) -> Result<OpenedSource, SetupError> {
        let mut builder = JetStreamEventSource::builder(&self.stream)
            .options(connection_options(&self.servers, options)?)
            .filter(options.filter());
        if let Some(prefix) = &self.servers.prefix {
            builder = builder.prefix(prefix);
        }
        if let Some(domain) = &self.domain {
            builder = builder.domain(domain);
        }
        if let Some(name) = &options.durable {
            builder = builder.durable(name);
        }
        if let Some(subject) = &options.dead_letters {
            builder = builder.dead_letters(subject);
        }
        if let Some(start) = options.since.or(self.start) {
            builder = start_from(builder, start);
        }
        let source = builder.build().await?;
        Ok(OpenedSource {
            warnings: source.warnings().iter().map(ToString::to_string).collect(),
            ..OpenedSource::new(source)
        })
    }
}

fn start_from(builder: JetStreamEventSourceBuilder, start: StartPosition) -> JetStreamEventSourceBuilder {
    match start {
        StartPosition::Earliest => builder.from_start(),
        StartPosition::Latest => builder.from_new(),
        StartPosition::Time(time) => builder.from_time(time),
    }
}

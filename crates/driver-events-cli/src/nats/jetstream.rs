use std::time::{Duration, SystemTime};

use driver_events_nats::{JetStreamEventSourceBuilder, StreamSettings};

use super::NatsAddress;
use crate::url::{Url, UrlError};

/// A `jetstream://HOST:PORT/STREAM` URL.
#[derive(Clone, Debug)]
pub(crate) struct JetStreamAddress {
    pub(crate) servers: NatsAddress,
    pub(crate) stream: String,
    pub(crate) domain: Option<String>,
    pub(crate) start: Option<Start>,
}

/// Where to begin to read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Earliest,
    Latest,
    Time(SystemTime),
}

impl JetStreamAddress {
    pub(crate) fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
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
    pub(crate) fn take(&mut self, key: &str, value: &str) -> Result<bool, UrlError> {
        match key {
            "domain" => self.domain = Some(value.to_owned()),
            "offset" => self.start = Some(Start::parse(value)?),
            _ => return self.servers.take(key, value),
        }
        Ok(true)
    }

    /// A stream that may be made, which knows an event again for longer than it is tried to publish it.
    pub(crate) fn settings(&self, timeout: Duration) -> StreamSettings {
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

impl Start {
    /// `earliest`, `latest` or a time as in RFC 3339.
    fn parse(text: &str) -> Result<Self, UrlError> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            time => humantime::parse_rfc3339(time).map(Self::Time).map_err(|error| {
                UrlError::new(format!(
                    "`offset` is `earliest`, `latest` or a time such as 2026-01-31T12:00:00Z, and not `{time}`: {error}"
                ))
            }),
        }
    }

    /// A time as in RFC 3339, or so long ago.
    pub(crate) fn since(text: &str) -> Result<Self, String> {
        if let Ok(time) = humantime::parse_rfc3339(text) {
            return Ok(Self::Time(time));
        }
        let ago = humantime::parse_duration(text).map_err(|_| {
            "it is neither a duration such as `10m` nor a time such as `2026-01-31T12:00:00Z`".to_owned()
        })?;
        let time = SystemTime::now().checked_sub(ago);
        Ok(Self::Time(time.unwrap_or(SystemTime::UNIX_EPOCH)))
    }

    pub(crate) fn of(self, source: JetStreamEventSourceBuilder) -> JetStreamEventSourceBuilder {
        match self {
            Self::Earliest => source.from_start(),
            Self::Latest => source.from_new(),
            Self::Time(time) => source.from_time(time),
        }
    }
}

use std::time::{Duration, SystemTime};

use chrono::DateTime;
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
    pub(crate) fn take(&mut self, key: &str, value: Option<&str>) -> Result<bool, UrlError> {
        match key {
            "domain" => self.domain = Some(UrlError::needs_value(key, value)?.to_owned()),
            "offset" => self.start = Some(Start::parse(UrlError::needs_value(key, value)?)?),
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
            time => rfc3339(time).map(Self::Time).ok_or_else(|| {
                UrlError::new(format!(
                    "`offset` is `earliest`, `latest` or a time such as 2026-01-31T12:00:00Z, and not `{time}`"
                ))
            }),
        }
    }

    /// A time as in RFC 3339, or so long ago.
    pub(crate) fn since(text: &str) -> Result<Self, String> {
        let ago = || {
            let ago = humantime::parse_duration(text).ok()?;
            Some(SystemTime::now().checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH))
        };
        rfc3339(text).or_else(ago).map(Self::Time).ok_or_else(|| {
            "it is neither a duration such as `10m` nor a time such as `2026-01-31T12:00:00Z`".to_owned()
        })
    }

    pub(crate) fn of(self, source: JetStreamEventSourceBuilder) -> JetStreamEventSourceBuilder {
        match self {
            Self::Earliest => source.from_start(),
            Self::Latest => source.from_new(),
            Self::Time(time) => source.from_time(time),
        }
    }
}

fn rfc3339(text: &str) -> Option<SystemTime> {
    DateTime::parse_from_rfc3339(text).ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Start;

    #[test]
    fn a_time_may_have_any_offset() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(8 * 3600);
        for text in ["1970-01-01T08:00:00Z", "1970-01-01T10:30:00+02:30"] {
            assert!(
                matches!(Start::parse(text), Ok(Start::Time(found)) if found == time),
                "{text}"
            );
            assert!(
                matches!(Start::since(text), Ok(Start::Time(found)) if found == time),
                "{text}"
            );
        }
        for text in ["", "10m", "1970-01-01"] {
            assert!(Start::parse(text).is_err(), "{text}");
        }
        for text in ["", "soon", "latest", "10"] {
            assert!(Start::since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn since_a_duration_is_so_long_ago() {
        let Ok(Start::Time(time)) = Start::since("1h 30m") else {
            panic!("it is a duration");
        };
        let ago = time.elapsed().unwrap();
        assert!(
            ago >= Duration::from_secs(5_400) && ago < Duration::from_secs(5_460),
            "{ago:?}"
        );
    }
}

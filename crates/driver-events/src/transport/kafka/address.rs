use driver_events_core::{SetupError, SetupErrorKind};

use crate::url::{Url, UrlError};

/// Brokers, topics and common parameters of a `kafka:` URL.
#[derive(Debug)]
pub(super) struct KafkaAddress {
    /// Comma-separated, as in `bootstrap.servers`.
    pub(super) brokers: String,
    pub(super) topics: Topics,
    pub(super) prefix: Option<String>,
    pub(super) tls: bool,
}

#[derive(Debug)]
pub(super) enum Topics {
    /// The default topic, `agent.driver`.
    Default,
    One(String),
    PerSubject,
}

impl KafkaAddress {
    /// Says how to create a topic that does not exist.
    pub(super) fn missing(error: SetupError) -> SetupError {
        match error.kind() {
            SetupErrorKind::NotFound => {
                let message =
                    format!("{error}: correct its name, or create it with the option `create-topic` of a sink");
                SetupError::new(SetupErrorKind::NotFound, message).with_source(error)
            }
            _ => error,
        }
    }

    /// Parses `//HOST[:PORT][,HOST[:PORT]…][/TOPIC]`.
    pub(super) fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
        let no_host = || UrlError::new("missing host: write kafka://HOST:PORT/TOPIC");
        let text = std::str::from_utf8(url.path).map_err(|_| UrlError::new("not valid UTF-8"))?;
        let rest = text.strip_prefix("//").ok_or_else(no_host)?;
        if rest.contains('@') {
            return Err(UrlError::new(
                "unexpected credentials: use the option `kafka-user` and the environment variable KAFKA_PASSWORD",
            ));
        }
        let (brokers, topic) = rest.split_once('/').unwrap_or((rest, ""));
        if brokers.split(',').any(str::is_empty) {
            return Err(no_host());
        }
        Ok(Self {
            brokers: brokers.to_owned(),
            topics: match topic {
                "" => Topics::Default,
                topic => Topics::One(topic.to_owned()),
            },
            prefix: None,
            tls: false,
        })
    }

    /// Sets a parameter that targets and sources share. Returns `false` for another one.
    pub(super) fn set_parameter(&mut self, key: &str, value: Option<&str>) -> Result<bool, UrlError> {
        match key {
            "prefix" => self.prefix = Some(UrlError::required_value(key, value)?.to_owned()),
            "tls" => self.tls = UrlError::boolean(key, value)?,
            "per-subject" if !UrlError::boolean(key, value)? => {}
            "per-subject" => match self.topics {
                Topics::One(_) => {
                    return Err(UrlError::new(
                        "parameter `per-subject` conflicts with a topic in the path",
                    ));
                }
                _ => self.topics = Topics::PerSubject,
            },
            _ => return Ok(false),
        }
        Ok(true)
    }
}

use crate::url::{Url, UrlError};

/// The brokers and the topics of a `kafka:` URL.
#[derive(Debug)]
pub(super) struct KafkaAddress {
    /// As librdkafka takes them: with commas between them.
    pub(super) brokers: String,
    pub(super) topics: Topics,
    pub(super) prefix: Option<String>,
    pub(super) tls: bool,
}

#[derive(Debug)]
pub(super) enum Topics {
    /// The one that has all events unless somebody says otherwise.
    Default,
    One(String),
    PerSubject,
}

impl KafkaAddress {
    /// Reads `//HOST[:PORT][,HOST[:PORT]…][/TOPIC]`.
    pub(super) fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
        let no_host = || UrlError::new("it names no host: kafka://HOST:PORT/TOPIC");
        let text = std::str::from_utf8(url.path).map_err(|_| UrlError::new("it is no UTF-8"))?;
        let rest = text.strip_prefix("//").ok_or_else(no_host)?;
        if rest.contains('@') {
            return Err(UrlError::new(
                "no user stands in it, since everybody can read the arguments of a command: give --kafka-user, and the \
                 password in KAFKA_PASSWORD",
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

    /// Takes a parameter that targets and sources have. False for one that is another's.
    pub(super) fn take(&mut self, key: &str, value: Option<&str>) -> Result<bool, UrlError> {
        match key {
            "prefix" => self.prefix = Some(UrlError::needs_value(key, value)?.to_owned()),
            "tls" => self.tls = UrlError::boolean(key, value)?,
            "per-subject" if !UrlError::boolean(key, value)? => {}
            "per-subject" => match self.topics {
                Topics::One(_) => return Err(UrlError::new("with `per-subject` it names no topic")),
                _ => self.topics = Topics::PerSubject,
            },
            _ => return Ok(false),
        }
        Ok(true)
    }
}

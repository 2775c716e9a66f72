use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::SetupError;
use driver_events_kafka::{Acks, DEFAULT_TOPIC, KafkaEventSink, KafkaState, TopicSettings, ensure_topic};
use driver_events_types::EventKind;

use super::address::{KafkaAddress, Topics};
use super::config::client_config;
use crate::opened_sink::{OpenedSink, SinkState};
use crate::options::Options;
use crate::protocol::Protocol;
use crate::transport::remote::RemoteSink;
use crate::url::{Url, UrlError};

/// Parsed `kafka:` URL of a sink.
#[derive(Debug)]
pub(super) struct KafkaSinkUrl {
    address: KafkaAddress,
    bare: bool,
    acks: Acks,
    new_topic: NewTopic,
}

/// Settings of a topic to create.
#[derive(Debug, Default, PartialEq, Eq)]
struct NewTopic {
    partitions: Option<i32>,
    replication: Option<i32>,
    min_insync: Option<u32>,
    retention: Option<Duration>,
}

impl KafkaSinkUrl {
    pub(super) fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut target = Self {
            address: KafkaAddress::parse(url)?,
            bare: false,
            acks: Acks::All,
            new_topic: NewTopic::default(),
        };
        let expected = "`prefix`, `per-subject`, `bare`, `acks` or `tls`, or with the option `create-topic` `partitions`, \
                        `replication`, `min-insync` or `retention`";
        url.take_parameters(expected, |key, value| target.set_parameter(key, value))?;
        Ok(target)
    }

    fn set_parameter(&mut self, key: &str, value: Option<&str>) -> Result<bool, UrlError> {
        match key {
            "offset" => return Err(UrlError::new("parameter `offset` is valid for a source only")),
            "bare" => self.bare = UrlError::boolean(key, value)?,
            "acks" => self.acks = acks(UrlError::required_value(key, value)?)?,
            "partitions" => self.new_topic.partitions = Some(number(key, value)?),
            "replication" => self.new_topic.replication = Some(number(key, value)?),
            "min-insync" => self.new_topic.min_insync = Some(number(key, value)?.unsigned_abs()),
            "retention" => {
                let age = UrlError::required_value(key, value)?;
                let age = humantime::parse_duration(age)
                    .map_err(|_| UrlError::new(format!("`retention` must be a duration such as `7d`, not `{age}`")))?;
                self.new_topic.retention = Some(age);
            }
            _ => return self.address.set_parameter(key, value),
        }
        Ok(true)
    }

    /// Returns the settings of all topics that events may be published to.
    fn topic_settings(&self) -> Vec<TopicSettings> {
        let names = match &self.address.topics {
            Topics::Default => vec![DEFAULT_TOPIC],
            Topics::One(topic) => vec![topic.as_str()],
            Topics::PerSubject => EventKind::ALL.iter().map(|kind| kind.subject()).collect(),
        };
        let prefix = self.address.prefix.as_ref().map(|prefix| format!("{prefix}."));
        let prefix = prefix.unwrap_or_default();
        names
            .iter()
            .map(|name| self.new_topic.settings(format!("{prefix}{name}")))
            .collect()
    }
}

#[async_trait]
impl RemoteSink for KafkaSinkUrl {
    fn protocol(&self) -> Protocol {
        Protocol::Kafka
    }

    async fn open(&self, options: &Options) -> Result<OpenedSink, SetupError> {
        if !options.create_topic && self.new_topic != NewTopic::default() {
            return Err(SetupError::invalid(
                "`partitions`, `replication`, `min-insync` and `retention` require the option `create-topic`",
            ));
        }
        if options.create_topic && options.check_later {
            return Err(SetupError::invalid(
                "option `check-later` conflicts with `create-topic`, which waits for the broker: remove one",
            ));
        }
        let mut config = client_config(&self.address, options)?;
        if let Some(timeout) = options.timeout {
            let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
            config.set("message.timeout.ms", milliseconds.to_string());
        }
        let mut builder = KafkaEventSink::builder(config.clone()).acks(self.acks);
        match &self.address.topics {
            Topics::Default => {}
            Topics::One(topic) => builder = builder.topic(topic.as_str()),
            Topics::PerSubject => builder = builder.topic_per_subject(),
        }
        if let Some(prefix) = &self.address.prefix {
            builder = builder.prefix(prefix);
        }
        if self.bare {
            builder = builder.bare();
        }
        let sink = builder.build()?;
        let mut warnings = Vec::new();
        if options.create_topic {
            for settings in self.topic_settings() {
                let topic = ensure_topic(&config, &settings).await?;
                warnings.extend(topic.warnings.iter().map(ToString::to_string));
            }
        } else if !options.check_later {
            sink.check().await.map_err(KafkaAddress::missing)?;
        }
        let state = sink.state().clone();
        Ok(OpenedSink {
            warnings,
            longest_outage: match self.acks {
                // An event that librdkafka gave up and that is sent again could be stored twice.
                Acks::All => Duration::ZERO,
                // These modes do not prevent duplicates anyway.
                _ => Duration::MAX,
            },
            state: Arc::new(state),
            ..OpenedSink::new(sink)
        })
    }
}

impl SinkState for KafkaState {
    fn possible_duplicates(&self) -> u64 {
        self.possible_duplicates()
    }

    fn last_error(&self) -> Option<String> {
        self.last_error()
    }
}

impl NewTopic {
    fn settings(&self, name: String) -> TopicSettings {
        let mut settings = TopicSettings::named(name);
        if let Some(partitions) = self.partitions {
            settings = settings.partitions(partitions);
        }
        if let Some(brokers) = self.replication {
            settings = settings.replication(brokers);
        }
        if let Some(brokers) = self.min_insync {
            settings = settings.min_insync_replicas(brokers);
        }
        if let Some(age) = self.retention {
            settings = settings.retention(age);
        }
        settings
    }
}

fn acks(text: &str) -> Result<Acks, UrlError> {
    match text {
        "all" => Ok(Acks::All),
        "leader" => Ok(Acks::Leader),
        "none" => Ok(Acks::None),
        text => Err(UrlError::new(format!(
            "`acks` must be `all`, `leader` or `none`, not `{text}`"
        ))),
    }
}

/// Parses a positive number.
fn number(key: &str, value: Option<&str>) -> Result<i32, UrlError> {
    let value = UrlError::required_value(key, value)?;
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| UrlError::new(format!("`{key}` must be a positive number, not `{value}`")))
}

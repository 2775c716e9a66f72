use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_kafka::{Acks, DEFAULT_TOPIC, KafkaEventSink, TopicSettings, ensure_topic};
use driver_events_types::EventKind;

use super::KafkaAddress;
use super::address::Topics;
use super::patient::PatientSink;
use crate::open_error::OpenError;
use crate::remote::{Protocol, RemoteTarget};
use crate::target::{CALL_TIMEOUT, Opened, Opening};
use crate::url::{Url, UrlError};

/// A `kafka:` URL to publish to.
#[derive(Debug)]
pub(super) struct KafkaTarget {
    address: KafkaAddress,
    bare: bool,
    acks: Acks,
    topic: NewTopic,
}

/// What a topic is made with.
#[derive(Debug, Default, PartialEq, Eq)]
struct NewTopic {
    partitions: Option<i32>,
    replication: Option<i32>,
    min_insync: Option<u32>,
    retention: Option<Duration>,
}

impl KafkaTarget {
    pub(super) fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut target = Self {
            address: KafkaAddress::parse(url)?,
            bare: false,
            acks: Acks::All,
            topic: NewTopic::default(),
        };
        let known = "but `prefix`, `per-subject`, `bare`, `acks` and `tls`, and for --create-topic `partitions`, \
                     `replication`, `min-insync` and `retention`";
        url.take_parameters(known, |key, value| target.take(key, value))?;
        Ok(target)
    }

    fn take(&mut self, key: &str, value: Option<&str>) -> Result<bool, UrlError> {
        match key {
            "offset" => return Err(UrlError::new("`offset` is for reading")),
            "bare" => self.bare = UrlError::boolean(key, value)?,
            "acks" => self.acks = acks(UrlError::needs_value(key, value)?)?,
            "partitions" => self.topic.partitions = Some(number(key, value)?),
            "replication" => self.topic.replication = Some(number(key, value)?),
            "min-insync" => self.topic.min_insync = Some(number(key, value)?.unsigned_abs()),
            "retention" => {
                let age = UrlError::needs_value(key, value)?;
                let age = humantime::parse_duration(age)
                    .map_err(|_| UrlError::new(format!("`retention` is a duration such as `7d`, and not `{age}`")))?;
                self.topic.retention = Some(age);
            }
            _ => return self.address.take(key, value),
        }
        Ok(true)
    }

    /// The topics that can be told without an event, as they are to be made.
    fn topics(&self) -> Vec<TopicSettings> {
        let names = match &self.address.topics {
            Topics::Default => vec![DEFAULT_TOPIC],
            Topics::One(topic) => vec![topic.as_str()],
            Topics::PerSubject => EventKind::ALL.iter().map(|kind| kind.subject()).collect(),
        };
        let prefix = self.address.prefix.as_ref().map(|prefix| format!("{prefix}."));
        let prefix = prefix.unwrap_or_default();
        names
            .iter()
            .map(|name| self.topic.named(format!("{prefix}{name}")))
            .collect()
    }
}

#[async_trait]
impl RemoteTarget for KafkaTarget {
    fn protocol(&self) -> Protocol {
        Protocol::Kafka
    }

    async fn open(&self, name: &str, opening: &Opening) -> Result<Opened, OpenError> {
        if !opening.create_topic && self.topic != NewTopic::default() {
            return Err(OpenError::usage(
                "`partitions`, `replication`, `min-insync` and `retention` are for --create-topic, which is not given",
            ));
        }
        // librdkafka itself tries again for as long as is asked for: an event that it gave up, and that is sent once
        // more, could be stored twice.
        let timeout = opening.timeout.max(CALL_TIMEOUT);
        let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let mut config = opening.connecting.kafka.config(&self.address)?;
        config.set("message.timeout.ms", milliseconds.to_string());
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
        if opening.create_topic {
            for settings in self.topics() {
                let topic = ensure_topic(&config, &settings).await?;
                warnings.extend(topic.warnings.iter().map(ToString::to_string));
            }
        } else {
            sink.check().await?;
        }
        let state = sink.state().clone();
        let longest_outage = match self.acks {
            Acks::All => Duration::ZERO,
            // It may be stored twice all the same.
            _ => Duration::MAX,
        };
        Ok(Opened {
            longest_outage,
            warnings,
            possible_duplicates: Box::new(move || state.possible_duplicates()),
            ..Opened::new(Arc::new(PatientSink::new(sink, name, timeout, opening)))
        })
    }
}

impl NewTopic {
    fn named(&self, name: String) -> TopicSettings {
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
            "`acks` is `all`, `leader` or `none`, and not `{text}`"
        ))),
    }
}

/// A number from 1.
fn number(key: &str, value: Option<&str>) -> Result<i32, UrlError> {
    let value = UrlError::needs_value(key, value)?;
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| UrlError::new(format!("`{key}` is a number from 1, and not `{value}`")))
}

use async_trait::async_trait;
use driver_events_core::SourceError;
use driver_events_kafka::{KafkaEventSource, StartFrom};

use super::KafkaAddress;
use super::address::Topics;
use crate::open_error::OpenError;
use crate::remote::{Protocol, RemoteOrigin, RemoteSource};
use crate::start::Start;
use crate::tail::Reading;
use crate::url::{Url, UrlError};

/// A `kafka:` URL to read from.
#[derive(Debug)]
pub(super) struct KafkaOrigin {
    address: KafkaAddress,
    start: Option<Start>,
}

impl KafkaOrigin {
    pub(super) fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = KafkaAddress::parse(url)?;
        let mut start = None;
        url.take_parameters("but `prefix`, `per-subject`, `offset` and `tls`", |key, value| {
            if key != "offset" {
                return address.take(key, value);
            }
            start = Some(Start::offset(UrlError::needs_value(key, value)?)?);
            Ok(true)
        })?;
        Ok(Self { address, start })
    }
}

#[async_trait]
impl RemoteOrigin for KafkaOrigin {
    fn protocol(&self) -> Protocol {
        Protocol::Kafka
    }

    fn has_start(&self) -> bool {
        self.start.is_some()
    }

    async fn open(&self, reading: &Reading) -> Result<Box<dyn RemoteSource>, OpenError> {
        let config = reading.connecting.kafka.config(&self.address)?;
        let mut builder = KafkaEventSource::builder(config).filter(reading.filter.clone());
        match &self.address.topics {
            Topics::Default => {}
            Topics::One(topic) => builder = builder.topic(topic.as_str()),
            Topics::PerSubject => builder = builder.topic_per_subject(),
        }
        if let Some(prefix) = &self.address.prefix {
            builder = builder.prefix(prefix);
        }
        if let Some(group) = &reading.group {
            builder = builder.group(group);
        }
        if let Some(topic) = &reading.dead_letters {
            builder = builder.dead_letters(topic);
        }
        if let Some(start) = reading.since.or(self.start) {
            builder = builder.start_from(match start {
                Start::Earliest => StartFrom::Earliest,
                Start::Latest => StartFrom::Latest,
                Start::Time(time) => StartFrom::Time(time.into()),
            });
        }
        Ok(Box::new(builder.build().await?))
    }
}

#[async_trait]
impl RemoteSource for KafkaEventSource {
    async fn close(self: Box<Self>) -> Result<(), SourceError> {
        (*self).close().await
    }
}

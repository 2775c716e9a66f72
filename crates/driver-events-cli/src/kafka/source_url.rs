use async_trait::async_trait;
use driver_events_core::DriverEventSource;
use driver_events_kafka::{KafkaEventSource, StartFrom};

use super::address::Topics;
use super::{KafkaAddress, open_error};
use crate::open_error::OpenError;
use crate::remote::{Protocol, RemoteSourceUrl};
use crate::start_position::StartPosition;
use crate::tail::ReadOptions;
use crate::url::{Url, UrlError};

/// Parsed `kafka:` URL of a source.
#[derive(Debug)]
pub(super) struct KafkaSourceUrl {
    address: KafkaAddress,
    start: Option<StartPosition>,
}

impl KafkaSourceUrl {
    pub(super) fn parse(url: &Url<'_>) -> Result<Self, UrlError> {
        let mut address = KafkaAddress::parse(url)?;
        let mut start = None;
        url.take_parameters("`prefix`, `per-subject`, `offset` or `tls`", |key, value| {
            if key != "offset" {
                return address.set_parameter(key, value);
            }
            start = Some(StartPosition::parse_offset(UrlError::required_value(key, value)?)?);
            Ok(true)
        })?;
        Ok(Self { address, start })
    }
}

#[async_trait]
impl RemoteSourceUrl for KafkaSourceUrl {
    fn protocol(&self) -> Protocol {
        Protocol::Kafka
    }

    fn has_start(&self) -> bool {
        self.start.is_some()
    }

    async fn open(&self, options: &ReadOptions) -> Result<Box<dyn DriverEventSource>, OpenError> {
        let config = options.connection.kafka.config(&self.address)?;
        let mut builder = KafkaEventSource::builder(config).filter(options.filter.clone());
        match &self.address.topics {
            Topics::Default => {}
            Topics::One(topic) => builder = builder.topic(topic.as_str()),
            Topics::PerSubject => builder = builder.topic_per_subject(),
        }
        if let Some(prefix) = &self.address.prefix {
            builder = builder.prefix(prefix);
        }
        if let Some(group) = &options.group {
            builder = builder.group(group);
        }
        if let Some(topic) = &options.dead_letters {
            builder = builder.dead_letters(topic);
        }
        if let Some(start) = options.since.or(self.start) {
            builder = builder.start_from(match start {
                StartPosition::Earliest => StartFrom::Earliest,
                StartPosition::Latest => StartFrom::Latest,
                StartPosition::Time(time) => StartFrom::Time(time.into()),
            });
        }
        Ok(Box::new(builder.build().await.map_err(open_error)?))
    }
}

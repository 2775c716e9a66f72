use async_trait::async_trait;
use driver_events_core::SetupError;
use driver_events_kafka::{KafkaEventSource, StartFrom};

use super::address::{KafkaAddress, Topics};
use super::config::client_config;
use crate::opened_source::OpenedSource;
use crate::options::Options;
use crate::protocol::Protocol;
use crate::start_position::StartPosition;
use crate::transport::remote::RemoteSource;
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
            start = Some(UrlError::parsed(key, value)?);
            Ok(true)
        })?;
        Ok(Self { address, start })
    }
}

#[async_trait]
impl RemoteSource for KafkaSourceUrl {
    fn protocol(&self) -> Protocol {
        Protocol::Kafka
    }

    fn has_start(&self) -> bool {
        self.start.is_some()
    }

    async fn open(&self, options: &Options) -> Result<OpenedSource, SetupError> {
        let config = client_config(&self.address, options)?;
        let mut builder = KafkaEventSource::builder(config).filter(options.filter());
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
        let source = builder.build().await.map_err(KafkaAddress::missing)?;
        Ok(OpenedSource::new(source))
    }
}

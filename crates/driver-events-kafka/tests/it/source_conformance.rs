//! The source passes the suite of sources.

use async_trait::async_trait;
use driver_events_core::conformance::sources::{self, SourceCapabilities, SourceFixture};
use driver_events_core::{DriverEventSource, Envelope};
use driver_events_kafka::KafkaEventSource;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::reading::produce;
use crate::support::{TEST_TIMEOUT, config, create_tenant, topic_of};

/// A topic for each property.
struct Kafka {
    is_grouped: bool,
}

#[async_trait]
impl SourceFixture for Kafka {
    /// The prefix.
    type Log = String;

    async fn start(&self) -> String {
        create_tenant(2).await
    }

    async fn publish(&self, prefix: &String, envelopes: &[Envelope]) {
        produce(prefix, envelopes).await;
    }

    async fn publish_bytes(&self, prefix: &String, bytes: &[u8]) {
        let producer: FutureProducer = config().create().unwrap();
        let topic = topic_of(prefix);
        let record = FutureRecord::<(), _>::to(&topic).payload(bytes);
        producer.send(record, TEST_TIMEOUT).await.unwrap();
    }

    async fn open(&self, prefix: &String) -> Box<dyn DriverEventSource> {
        let mut builder = KafkaEventSource::builder(config()).prefix(prefix);
        if self.is_grouped {
            builder = builder.group(prefix);
        }
        Box::new(builder.build().await.unwrap())
    }

    fn capabilities(&self) -> SourceCapabilities {
        let mut capabilities = SourceCapabilities::new();
        capabilities.redelivers = self.is_grouped;
        capabilities
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_group() {
    sources::run(&Kafka { is_grouped: true }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standalone() {
    sources::run(&Kafka { is_grouped: false }).await;
}

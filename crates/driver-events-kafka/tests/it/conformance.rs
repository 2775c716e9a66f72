//! The sink holds to what every sink holds to.

use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::conformance::{self, Capabilities, Fixture};
use driver_events_core::{DriverEventSink, Envelope, Guarantee};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::support::{PATIENCE, config, next, tenant};

/// A topic of its own for each sink.
struct Kafka {
    is_bare: bool,
}

#[async_trait]
impl Fixture for Kafka {
    type Store = String;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, String) {
        let prefix = tenant(2).await;
        let mut builder = KafkaEventSink::builder(config()).prefix(&prefix);
        if self.is_bare {
            builder = builder.bare();
        }
        (Arc::new(builder.build().unwrap()), prefix)
    }

    async fn stored(&self, prefix: &String) -> Vec<Envelope> {
        let topic = format!("{prefix}.agent.driver");
        let count = tokio::task::spawn_blocking(move || {
            let mut config = config();
            config.set("group.id", "marks");
            let consumer: BaseConsumer = config.create().unwrap();
            let ends = (0..2).map(|partition| consumer.fetch_watermarks(&topic, partition, PATIENCE).unwrap().1);
            ends.sum::<i64>()
        });
        let count = count.await.unwrap();
        let mut source = KafkaEventSource::builder(config())
            .prefix(prefix)
            .build()
            .await
            .unwrap();
        let mut envelopes = Vec::new();
        for _ in 0..count {
            envelopes.push(next(&mut source).await.envelope().unwrap().clone());
        }
        envelopes
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new(Guarantee::Stored);
        capabilities.keeps_attributes = !self.is_bare;
        capabilities.accepts_unknown_without_subject = self.is_bare;
        capabilities
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_headers() {
    conformance::run(&Kafka { is_bare: false }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bare() {
    conformance::run(&Kafka { is_bare: true }).await;
}

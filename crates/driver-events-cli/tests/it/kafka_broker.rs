//! What the tests with a real broker share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use driver_events_harness::{Certificates, KafkaBroker, KafkaConfig, KafkaListener};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::support::PATIENCE;

pub(crate) fn certificates() -> &'static Certificates {
    static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
    CERTIFICATES.get_or_init(|| Certificates::generate().unwrap())
}

/// The broker of all tests that do it no harm: it takes seconds to start. It ends with the process.
pub(crate) fn broker() -> &'static KafkaBroker {
    static BROKER: OnceLock<KafkaBroker> = OnceLock::new();
    BROKER.get_or_init(|| {
        let config = KafkaConfig::new()
            .proxied()
            .sasl(certificates())
            .user("ada", "s3cret:@/=")
            .mutual_tls(certificates())
            .acls();
        KafkaBroker::start(config).unwrap()
    })
}

/// A URL with a topic that no other test has, by which nothing is forbidden, and the topic.
pub(crate) fn fresh() -> (String, String) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let url = format!("kafka://{}?prefix={prefix}", address(broker(), KafkaListener::Plain));
    (url, format!("{prefix}.agent.driver"))
}

pub(crate) fn address(broker: &KafkaBroker, listener: KafkaListener) -> String {
    broker.bootstrap_servers(listener).unwrap()
}

/// How many records a partition of the topic has; none where it does not exist.
pub(crate) fn stored(broker: &KafkaBroker, topic: &str, partition: i32) -> Option<i64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address(broker, KafkaListener::Plain))
        .create()
        .unwrap();
    let (first, end) = consumer.fetch_watermarks(topic, partition, PATIENCE).ok()?;
    Some(end - first)
}

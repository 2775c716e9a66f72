//! Shared Kafka broker of the tests.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use driver_events::kafka::rdkafka::ClientConfig;
use driver_events::kafka::rdkafka::consumer::{BaseConsumer, Consumer};
use driver_events_harness::{Certificates, KafkaBroker, KafkaConfig, KafkaListener};

use crate::support::TEST_TIMEOUT;

pub(crate) fn certificates() -> &'static Certificates {
    static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
    CERTIFICATES.get_or_init(|| Certificates::generate().unwrap())
}

/// Returns the broker of all tests that do not harm it, as it takes seconds to start. It stops with the test process.
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

/// Returns the URL of an unused topic, through a listener without access control, and the topic's name.
pub(crate) fn fresh() -> (String, String) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let url = format!("kafka://{}?prefix={prefix}", address(broker(), KafkaListener::Plain));
    (url, format!("{prefix}.agent.driver"))
}

pub(crate) fn address(broker: &KafkaBroker, listener: KafkaListener) -> String {
    broker.bootstrap_servers(listener).unwrap()
}

/// Returns the number of records in a partition, or `None` if it does not exist.
pub(crate) fn stored(broker: &KafkaBroker, topic: &str, partition: i32) -> Option<i64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address(broker, KafkaListener::Plain))
        .create()
        .unwrap();
    let (low, high) = consumer.fetch_watermarks(topic, partition, TEST_TIMEOUT).ok()?;
    Some(high - low)
}

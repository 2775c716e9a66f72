//! What several tests need.

pub(crate) mod load;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driver_events_core::{Delivery, DriverEventSource, Envelope};
use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener};
use driver_events_kafka::{KafkaEventSource, TopicSettings, ensure_topic};
use driver_events_types::{DriverEvent, GoalId};
use rdkafka::ClientConfig;
use tokio::sync::{Mutex, MutexGuard};

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The result of a call that must end.
pub(crate) async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(PATIENCE, call).await;
    result.expect("every call must end in time")
}

/// Numbered events of one goal.
pub(crate) fn events(goal_id: GoalId, count: usize) -> Vec<Envelope> {
    (0..count)
        .map(|number| {
            let reason = number.to_string();
            Envelope::new(DriverEvent::Escalate { goal_id, reason })
        })
        .collect()
}

pub(crate) fn ids_of(envelopes: &[Envelope]) -> Vec<String> {
    envelopes.iter().map(|envelope| envelope.id().to_string()).collect()
}

/// The broker that the tests share which do it no harm: it takes seconds to start. It ends with the process.
pub(crate) fn broker() -> &'static KafkaBroker {
    static BROKER: OnceLock<KafkaBroker> = OnceLock::new();
    BROKER.get_or_init(|| KafkaBroker::start(KafkaConfig::new()).expect("an Apache Kafka must be there"))
}

/// The broker for tests that kill it, or cut it off: one at a time. It has a proxy.
pub(crate) async fn rough_broker() -> MutexGuard<'static, KafkaBroker> {
    static BROKER: OnceLock<Mutex<KafkaBroker>> = OnceLock::new();
    let start = || Mutex::new(KafkaBroker::start(KafkaConfig::new().proxied()).expect("an Apache Kafka must be there"));
    BROKER.get_or_init(start).lock().await
}

/// How to reach a broker through its proxy.
pub(crate) fn proxied_config_of(broker: &KafkaBroker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set(
        "bootstrap.servers",
        broker.bootstrap_servers(KafkaListener::Proxied).unwrap(),
    );
    config
}

/// A topic of this name.
pub(crate) async fn topic(config: &ClientConfig, name: &str, partitions: i32) {
    let settings = TopicSettings::named(name).partitions(partitions);
    in_time(ensure_topic(config, &settings)).await.unwrap();
}

pub(crate) fn config_of(broker: &KafkaBroker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set(
        "bootstrap.servers",
        broker.bootstrap_servers(KafkaListener::Plain).unwrap(),
    );
    config
}

pub(crate) fn config() -> ClientConfig {
    config_of(broker())
}

/// A prefix that no other test has.
pub(crate) fn prefix() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("tenant-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The topic of a tenant of the test's own, which is given back.
pub(crate) async fn tenant(partitions: i32) -> String {
    let prefix = prefix();
    topic(&config(), &format!("{prefix}.agent.driver"), partitions).await;
    prefix
}

pub(crate) async fn next(source: &mut KafkaEventSource) -> Delivery {
    loop {
        match in_time(source.next()).await.unwrap() {
            Ok(delivery) => return delivery,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
}

/// Reads so many events, acknowledges them, and gives their ids.
pub(crate) async fn ids(source: &mut KafkaEventSource, count: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let delivery = next(source).await;
        ids.push(delivery.envelope().unwrap().id().to_string());
        delivery.ack().await.unwrap();
    }
    ids
}

pub(crate) async fn nothing_comes(source: &mut KafkaEventSource) {
    let quiet = tokio::time::timeout(Duration::from_millis(500), source.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

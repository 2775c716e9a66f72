//! Brokers, topics, events and independent readers.

pub(crate) mod load;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driver_events_core::{Delivery, DriverEventSource, Envelope};
use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener, poll_for_blocking};
use driver_events_kafka::{KafkaEventSource, TopicSettings, ensure_topic};
use driver_events_types::{DriverEvent, GoalId};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::sync::{Mutex, MutexGuard};

/// Longer than any call takes that succeeds.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Awaits a call that must complete.
pub(crate) async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(TEST_TIMEOUT, call).await;
    result.expect("the call must complete in time")
}

/// Creates numbered events of one goal.
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

/// The broker shared by all tests that do not disturb it, since it takes seconds to start. It ends with the process.
pub(crate) fn broker() -> &'static KafkaBroker {
    static BROKER: OnceLock<KafkaBroker> = OnceLock::new();
    BROKER.get_or_init(|| KafkaBroker::start(KafkaConfig::new()).expect("Apache Kafka must be installed"))
}

/// The broker with a proxy, for tests that break connections, one at a time. No fault of an earlier test is left.
pub(crate) async fn proxied_broker() -> MutexGuard<'static, KafkaBroker> {
    static BROKER: OnceLock<Mutex<KafkaBroker>> = OnceLock::new();
    let start =
        || Mutex::new(KafkaBroker::start(KafkaConfig::new().proxied()).expect("Apache Kafka must be installed"));
    let broker = BROKER.get_or_init(start).lock().await;
    broker.proxy().unwrap().heal();
    broker
}

/// Returns properties that connect through the broker's proxy.
pub(crate) fn proxied_config_of(broker: &KafkaBroker) -> ClientConfig {
    listener_config(broker, KafkaListener::Proxied)
}

pub(crate) fn config_of(broker: &KafkaBroker) -> ClientConfig {
    listener_config(broker, KafkaListener::Plain)
}

fn listener_config(broker: &KafkaBroker, listener: KafkaListener) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap_servers(listener).unwrap());
    config
}

pub(crate) fn config() -> ClientConfig {
    config_of(broker())
}

pub(crate) async fn create_topic(config: &ClientConfig, name: &str, partitions: i32) {
    let settings = TopicSettings::named(name).partitions(partitions);
    in_time(ensure_topic(config, &settings)).await.unwrap();
}

/// Returns a prefix that no other test uses.
pub(crate) fn unique_prefix() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("tenant-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Creates the topic of a new tenant and returns its prefix.
pub(crate) async fn create_tenant(partitions: i32) -> String {
    let prefix = unique_prefix();
    create_topic(&config(), &topic_of(&prefix), partitions).await;
    prefix
}

pub(crate) fn topic_of(prefix: &str) -> String {
    format!("{prefix}.agent.driver")
}

pub(crate) async fn next_delivery(source: &mut KafkaEventSource) -> Delivery {
    loop {
        match in_time(source.next()).await.unwrap() {
            Ok(delivery) => return delivery,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
}

/// Reads and acks this many events, and returns their ids.
pub(crate) async fn read_ids(source: &mut KafkaEventSource, count: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let delivery = next_delivery(source).await;
        ids.push(delivery.envelope().unwrap().id().to_string());
        delivery.ack().await.unwrap();
    }
    ids
}

/// Checks that a source with assigned partitions delivers nothing.
pub(crate) async fn expect_no_delivery(source: &mut KafkaEventSource) {
    let next = tokio::time::timeout(Duration::from_millis(500), source.next()).await;
    assert!(next.is_err(), "{next:?}");
}

/// Checks that the tenant's group, named like its prefix, has committed all records of the topic.
pub(crate) async fn expect_all_committed(prefix: &str) {
    let topic = topic_of(prefix);
    assert_eq!(
        committed_offsets(prefix, &topic).await,
        high_watermarks(&topic).await,
        "committed offsets and high watermarks of {topic}"
    );
}

/// Returns a group's committed offset in each partition, 0 without a commit.
pub(crate) async fn committed_offsets(group: &str, topic: &str) -> Vec<i64> {
    with_consumer(group, topic, |consumer, partitions| {
        let committed = consumer.committed_offsets(partitions, TEST_TIMEOUT).unwrap();
        let offset = |offset: Offset| {
            if offset == Offset::Invalid {
                0
            } else {
                offset.to_raw().unwrap()
            }
        };
        let elements = committed.elements();
        elements.iter().map(|partition| offset(partition.offset())).collect()
    })
    .await
}

pub(crate) async fn high_watermarks(topic: &str) -> Vec<i64> {
    with_consumer("watermarks", topic, |consumer, partitions| {
        fetch_high_watermarks(consumer, &partitions)
    })
    .await
}

fn fetch_high_watermarks(consumer: &BaseConsumer, partitions: &TopicPartitionList) -> Vec<i64> {
    let elements = partitions.elements();
    let watermarks = elements.iter().map(|partition| {
        let (topic, partition) = (partition.topic(), partition.partition());
        // A broker that has just created a topic may not lead it yet.
        let watermarks = poll_for_blocking(TEST_TIMEOUT, || {
            consumer.fetch_watermarks(topic, partition, TEST_TIMEOUT).ok()
        });
        watermarks.expect("watermarks").1
    });
    watermarks.collect()
}

/// Reads all records of a topic with librdkafka's own consumer, by partition and offset.
pub(crate) async fn raw_records(topic: &str) -> Vec<OwnedMessage> {
    let mut records = with_consumer("raw", topic, |consumer, mut partitions| {
        let count = fetch_high_watermarks(consumer, &partitions).into_iter().sum::<i64>();
        partitions.set_all_offsets(Offset::Beginning).unwrap();
        consumer.assign(&partitions).unwrap();
        let records = (0..count).map(|_| consumer.poll(TEST_TIMEOUT).expect("a record").unwrap().detach());
        records.collect::<Vec<_>>()
    })
    .await;
    records.sort_by_key(|record| (record.partition(), record.offset()));
    records
}

/// Calls blocking `work` with a plain consumer and the topic's partitions.
async fn with_consumer<T: Send + 'static>(
    group: &str,
    topic: &str,
    work: impl FnOnce(&BaseConsumer, TopicPartitionList) -> T + Send + 'static,
) -> T {
    let (group, topic) = (group.to_owned(), topic.to_owned());
    let work = tokio::task::spawn_blocking(move || {
        let mut config = config();
        config.set("group.id", group);
        let consumer: BaseConsumer = config.create().unwrap();
        let metadata = consumer.fetch_metadata(Some(&topic), TEST_TIMEOUT).unwrap();
        let mut partitions = TopicPartitionList::new();
        for partition in metadata.topics().first().unwrap().partitions() {
            partitions.add_partition(&topic, partition.id());
        }
        work(&consumer, partitions)
    });
    in_time(work).await.unwrap()
}

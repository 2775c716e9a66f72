//! A hand-written producer with rdkafka alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, ProducerContext};

use crate::Failure;
use crate::events::Minted;

const STORE_TIMEOUT: Duration = Duration::from_secs(60);
/// Records sent between two polls for delivery reports.
const RECORDS_PER_POLL: usize = 1_000;

/// The same properties as those of the sink.
pub(super) fn producer(mut config: ClientConfig) -> ClientConfig {
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "1")
        .set("compression.type", "lz4")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.kbytes", "65536");
    config
}

/// Counts stored records.
#[derive(Clone, Default)]
pub(super) struct Stored(Arc<AtomicUsize>);

impl ClientContext for Stored {}

impl ProducerContext for Stored {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A producer with a delivery callback that counts.
pub(super) struct CountingProducer {
    producer: BaseProducer<Stored>,
    stored: Stored,
}

impl CountingProducer {
    pub(super) fn new(config: &ClientConfig) -> Result<Self, Failure> {
        let stored = Stored::default();
        let producer = config.create_with_context(stored.clone())?;
        Ok(Self { producer, stored })
    }

    /// Sends all events and waits until all are stored.
    pub(super) fn store(
        &self,
        topic: &str,
        events: impl ExactSizeIterator<Item = Minted>,
        has_headers: bool,
    ) -> Result<(), Failure> {
        let before = self.stored();
        let count = events.len();
        for (number, event) in events.enumerate() {
            self.send(topic, &event, has_headers)?;
            if number % RECORDS_PER_POLL == 0 {
                self.producer.poll(Duration::ZERO);
            }
        }
        // rdkafka's `flush` returns at intervals of 100 ms only.
        let start = Instant::now();
        while self.stored() - before < count {
            if start.elapsed() > STORE_TIMEOUT {
                return Err("not all events were stored".into());
            }
            self.producer.poll(Duration::from_millis(1));
        }
        Ok(())
    }

    fn stored(&self) -> usize {
        self.stored.0.load(Ordering::Relaxed)
    }

    fn send(&self, topic: &str, event: &Minted, has_headers: bool) -> Result<(), Failure> {
        let (key, payload) = (event.goal_id.to_string(), event.json()?);
        let mut record = BaseRecord::to(topic).key(&key).payload(&payload);
        if let Some(time) = event.envelope.time() {
            record = record.timestamp(time.timestamp_millis());
        }
        if has_headers {
            record = record.headers(headers(event)?);
        }
        while let Err((error, refused)) = self.producer.send(record) {
            match error {
                KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => record = refused,
                other => return Err(other.into()),
            }
            self.producer.poll(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// The same headers as those of the sink.
pub(super) fn headers(event: &Minted) -> Result<OwnedHeaders, Failure> {
    let goal_id = event.goal_id.to_string();
    let time = event.envelope.time().ok_or("no time")?;
    let time = time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let all = [
        ("ce_specversion", "1.0"),
        ("ce_id", event.envelope.id().as_str()),
        ("ce_source", event.envelope.source()),
        ("ce_type", event.subject),
        ("ce_subject", &goal_id),
        ("ce_time", &time),
        ("content-type", "application/json"),
        ("ce_partitionkey", &goal_id),
    ];
    let mut headers = OwnedHeaders::new_with_capacity(all.len());
    for (key, value) in all {
        let value = Some(value);
        headers = headers.insert(Header { key, value });
    }
    Ok(headers)
}

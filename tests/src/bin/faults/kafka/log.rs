//! Reads the records of a topic with the plain client.

use std::time::Duration;

use anyhow::{Context, Result};
use driver_events_harness::poll_for_blocking;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::event::Event;
use crate::fault_timer::STEP_TIMEOUT;

/// The events of each partition, in order.
pub(super) type Log = Vec<Vec<Event>>;

/// Timeout of each request to the brokers.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Reads all current records of the topic. Blocks.
pub(super) fn read(config: &ClientConfig, topic: &str) -> Result<Log> {
    let mut config = config.clone();
    config
        .set("group.id", "read-back")
        .set("enable.auto.commit", "false")
        .set("queued.max.messages.kbytes", "4096");
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
    let found = metadata.topics().first().context("the topic does not exist")?;
    let mut log: Log = vec![Vec::new(); found.partitions().len()];
    let mut assigned = TopicPartitionList::new();
    let mut records = 0;
    for partition in found.partitions() {
        let (first, end) = watermarks(&consumer, topic, partition.id())?;
        records += end - first;
        assigned.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&assigned)?;
    for _ in 0..records {
        let message = consumer
            .poll(STEP_TIMEOUT)
            .context("cannot read the topic to its end")??;
        let partition = usize::try_from(message.partition())?;
        let events = log.get_mut(partition).context("unknown partition")?;
        events.push(Event::parse(message.payload().unwrap_or_default())?);
    }
    Ok(log)
}

/// Returns whether the group has committed the end of every partition. Blocks.
pub(super) fn is_all_committed(config: &ClientConfig, group: &str, topic: &str) -> Result<bool> {
    let mut config = config.clone();
    config.set("group.id", group);
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
    let found = metadata.topics().first().context("the topic does not exist")?;
    let mut partitions = TopicPartitionList::new();
    for partition in found.partitions() {
        partitions.add_partition(topic, partition.id());
    }
    for partition in consumer.committed_offsets(partitions, REQUEST_TIMEOUT)?.elements() {
        let (_, end) = watermarks(&consumer, topic, partition.partition())?;
        if end > 0 && partition.offset() != Offset::Offset(end) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The low and high watermarks of the partition.
fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<(i64, i64)> {
    // After a broker restart, a partition has no leader for a moment.
    let found = poll_for_blocking(STEP_TIMEOUT, || {
        consumer.fetch_watermarks(topic, partition, REQUEST_TIMEOUT).ok()
    });
    found.with_context(|| format!("no watermarks of {topic}/{partition} within {STEP_TIMEOUT:?}"))
}

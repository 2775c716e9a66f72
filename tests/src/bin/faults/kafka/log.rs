//! What a topic has, read with the plain client.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::event::Event;
use crate::fault_timer::STEP_TIMEOUT;

/// For each partition its events, in their order.
pub(super) type Log = Vec<Vec<Event>>;

/// How long the brokers have for each answer.
const ANSWER: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// Reads all that the topic has now. Blocks.
pub(super) fn read(config: &ClientConfig, topic: &str) -> Result<Log> {
    let mut config = config.clone();
    config
        .set("group.id", "witness")
        .set("enable.auto.commit", "false")
        .set("queued.max.messages.kbytes", "4096");
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let found = metadata.topics().first().context("the topic is not there")?;
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
            .context("the topic is not read to its end")??;
        let partition = usize::try_from(message.partition())?;
        let events = log.get_mut(partition).context("a partition too many")?;
        events.push(Event::parse(message.payload().unwrap_or_default())?);
    }
    Ok(log)
}

/// The offset of the first record, and that behind the last.
fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<(i64, i64)> {
    let start = Instant::now();
    loop {
        match consumer.fetch_watermarks(topic, partition, ANSWER) {
            // A partition of a broker that was away has no leader for a moment.
            Err(_) if start.elapsed() < STEP_TIMEOUT => thread::sleep(PAUSE),
            found => return Ok(found?),
        }
    }
}

//! Reads what the brokers hold, with the plain clients.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use driver_events_core::{Deduplicator, Envelope, EventId};
use driver_events_harness::poll_for_blocking;
use futures_util::StreamExt;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::time::timeout;

use super::brokers::STREAM;
use super::goal_run::RunEvent;
use crate::fault_timer::STEP_TIMEOUT;
use crate::row::Row;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// More than the events between two copies.
const DEDUPLICATED: usize = 100_000;

/// Returns the events of the stream, in order.
pub(super) async fn stream(client: &Client, row: &mut Row) -> Result<Vec<RunEvent>> {
    let mut stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
    let count = stream.info().await?.state.messages;
    let consumer = stream.create_consumer(OrderedConfig::default()).await?;
    let mut messages = consumer.messages().await?;
    let mut events = Vec::new();
    for _ in 0..count {
        let message = timeout(STEP_TIMEOUT, messages.next())
            .await
            .context("cannot read the stream to its end")?;
        let message = message.context("the stream ended early")??;
        let id = message.headers.as_ref().and_then(|headers| headers.get("ce-id"));
        let event = id.context("a message has no id")?.as_str().parse()?;
        check_payload(event, &message.payload, row)?;
        events.push(event);
    }
    Ok(events)
}

/// Returns the number of messages in the stream.
pub(super) async fn messages(client: &Client) -> Result<u64> {
    let mut stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
    Ok(stream.info().await?.state.messages)
}

/// Returns the number of records in the topic. Blocks.
pub(super) fn records(config: &ClientConfig, topic: &str) -> Result<u64> {
    let (_, _, records) = partitions(&config.create()?, topic)?;
    Ok(records)
}

/// Returns the events of the topic, one partition after the other. Blocks.
pub(super) fn kafka_topic(config: &ClientConfig, topic: &str, row: &mut Row) -> Result<Vec<RunEvent>> {
    let mut config = config.clone();
    config
        .set("group.id", "read-back")
        .set("enable.auto.commit", "false")
        .set("queued.max.messages.kbytes", "4096");
    let consumer: BaseConsumer = config.create()?;
    let (assigned, count, records) = partitions(&consumer, topic)?;
    consumer.assign(&assigned)?;
    let mut partitions = vec![Vec::new(); count];
    let mut deduplicator = Deduplicator::new(DEDUPLICATED);
    let mut first_copies = 0;
    for _ in 0..records {
        let message = consumer
            .poll(STEP_TIMEOUT)
            .context("cannot read the topic to its end")??;
        let id = id(&message)?;
        let event = id.parse()?;
        let payload = message.payload().unwrap_or_default();
        check_payload(event, payload, row)?;
        let partition = partitions.get_mut(usize::try_from(message.partition())?);
        partition.context("unknown partition")?.push(event);
        let envelope = Envelope::from_json(payload.to_vec())?.with_id(EventId::new(id)?);
        first_copies += u64::from(deduplicator.insert(&envelope));
    }
    let events = partitions.concat();
    let distinct: std::collections::HashSet<_> = events.iter().collect();
    row.check(first_copies == distinct.len() as u64, || {
        format!(
            "{first_copies} events behind `Deduplicator`, {} distinct ones",
            distinct.len()
        )
    });
    Ok(events)
}

/// Returns the partitions, their number, and the number of records in them.
fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<(TopicPartitionList, usize, u64)> {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
    let found = metadata.topics().first().context("the topic does not exist")?;
    let mut list = TopicPartitionList::new();
    let mut records = 0;
    for partition in found.partitions() {
        // After a broker restart, a partition has no leader for a moment.
        let watermarks = poll_for_blocking(STEP_TIMEOUT, || {
            consumer.fetch_watermarks(topic, partition.id(), REQUEST_TIMEOUT).ok()
        });
        let (first, end) = watermarks.with_context(|| format!("no watermarks of {topic}/{}", partition.id()))?;
        records += u64::try_from(end - first)?;
        list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    Ok((list, found.partitions().len(), records))
}

fn id(message: &BorrowedMessage<'_>) -> Result<String> {
    let headers = message.headers().context("a record has no headers")?;
    let header = headers.iter().find(|header| header.key == "ce_id");
    let id = header.and_then(|header| header.value).context("a record has no id")?;
    Ok(String::from_utf8(id.to_vec())?)
}

/// Checks that the payload is byte for byte what the driver sent.
fn check_payload(event: RunEvent, payload: &[u8], row: &mut Row) -> Result<()> {
    let sent = event.json()?;
    row.check(sent.as_bytes() == payload, || {
        format!("{event} was changed: {}", String::from_utf8_lossy(payload))
    });
    ensure!(row.failures.len() < 100, "too many failures");
    Ok(())
}

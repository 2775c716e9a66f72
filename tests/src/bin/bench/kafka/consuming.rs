//! The source compared with librdkafka's consumer, which also decodes events and attributes. The time starts with the
//! first event: joining a group takes longer than reading.

use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset};
use driver_events_core::DriverEventSource;
use driver_events_harness::KafkaBroker;
use driver_events_kafka::KafkaEventSource;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{ClientConfig, Message};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::raw::{self, CountingProducer};
use super::{config, with_topic};
use crate::Failure;
use crate::events::{decode, minted};
use crate::report::{Report, Row};
use crate::rounds::Codec;
use crate::runtimes::many_threads;

const EVENTS: usize = 44 * 2_000;
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn run(report: &Report, broker: &KafkaBroker) -> Result<(), Failure> {
    report.ratios(&format!(
        "Reading from Kafka: {EVENTS} events, per event; ratio of speeds, more is better"
    ));
    let config = config(broker)?;
    let runtime = many_threads()?;
    for (has_headers, name) in [(false, "bare"), (true, "with headers")] {
        with_topic(broker, |topic| {
            let producer = CountingProducer::new(&raw::producer(config.clone()))?;
            producer.store(topic, minted(EVENTS, Codec::Ours)?.into_iter(), has_headers)?;
            for (is_grouped, role) in [(false, "standalone"), (true, "in a group, acknowledged")] {
                report.compare(
                    Row::speed(format!("{role}, {name} / BaseConsumer"), EVENTS)
                        .target(0.9)
                        .with_derive(),
                    || runtime.block_on(read(&config, topic, is_grouped)),
                    |codec| read_by_hand(&runtime, &config, topic, is_grouped, codec),
                )?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

async fn read(config: &ClientConfig, topic: &str, is_grouped: bool) -> Result<Duration, Failure> {
    let builder = KafkaEventSource::builder(config.clone()).topic(topic);
    let builder = if is_grouped {
        builder.group(new_group())
    } else {
        builder
    };
    let mut source = builder.build().await?;
    let mut start = None;
    for _ in 0..EVENTS {
        let delivery = source.next().await.ok_or("the source ended")??;
        start.get_or_insert_with(Instant::now);
        delivery.envelope().map_err(Clone::clone)?;
        delivery.ack().await?;
    }
    let time = start.ok_or("no event")?.elapsed();
    source.close().await?;
    Ok(time)
}

/// In a group it stores the offset of each event after the work, as at-least-once consumers must; by default librdkafka
/// stores it before.
fn read_by_hand(
    runtime: &Runtime,
    config: &ClientConfig,
    topic: &str,
    is_grouped: bool,
    codec: Codec,
) -> Result<Duration, Failure> {
    let consumer: BaseConsumer = config
        .clone()
        .set("group.id", new_group())
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", is_grouped.to_string())
        .set("enable.auto.offset.store", "false")
        .set("auto.commit.interval.ms", "1000")
        .create()?;
    consumer.subscribe(&[topic])?;
    // On a runtime thread, as the reader of the source.
    runtime.block_on(async {
        let mut start = None;
        for _ in 0..EVENTS {
            let message = next(&consumer)?;
            start.get_or_insert_with(Instant::now);
            std::hint::black_box(attributes(&message)?);
            decode(message.payload().ok_or("no value")?, codec)?;
            if is_grouped {
                consumer.store_offset_from_message(&message)?;
            }
        }
        Ok(start.ok_or("no event")?.elapsed())
    })
}

/// The attributes that a hand-written reader would use: source, id and time.
#[derive(Default)]
struct Attributes {
    id: String,
    source: String,
    time: Option<DateTime<FixedOffset>>,
}

fn attributes(message: &BorrowedMessage<'_>) -> Result<Attributes, Failure> {
    let mut attributes = Attributes::default();
    for header in message.headers().into_iter().flat_map(Headers::iter) {
        let text = std::str::from_utf8(header.value.unwrap_or_default())?;
        match header.key {
            "ce_id" => attributes.id = text.to_owned(),
            "ce_source" => attributes.source = text.to_owned(),
            "ce_time" => attributes.time = Some(DateTime::parse_from_rfc3339(text)?),
            _ => {}
        }
    }
    Ok(attributes)
}

fn next(consumer: &BaseConsumer) -> Result<BorrowedMessage<'_>, Failure> {
    let start = Instant::now();
    while start.elapsed() < TIMEOUT {
        // Also returns `None` after a rebalance.
        if let Some(message) = consumer.poll(TIMEOUT) {
            return Ok(message?);
        }
    }
    Err("no event within the timeout".into())
}

fn new_group() -> String {
    format!("bench-{}", Uuid::new_v4())
}

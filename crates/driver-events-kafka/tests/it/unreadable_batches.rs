//! Batches that brokers store and librdkafka cannot decompress or parse.

use std::time::Duration;

use driver_events_core::{Delivery, DriverEventSink, DriverEventSource, Envelope, Position};
use driver_events_harness::{KafkaBatchDefect, KafkaRawRecord};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::{EventKind, GoalId};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tokio::task::block_in_place;

use crate::support::{
    TEST_TIMEOUT, broker, committed_offsets, config, create_topic, events, high_watermarks, ids_of, in_time,
    next_delivery, raw_records, read_ids, unique_prefix,
};

/// Ids of delivered events; first offset and reason of malformed deliveries.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    ids: Vec<String>,
    unreadable: Vec<(u64, String)>,
}

impl Read {
    fn add(&mut self, delivery: &Delivery) {
        match delivery.envelope() {
            Ok(envelope) => self.ids.push(envelope.id().to_string()),
            Err(malformed) => {
                let offset = match delivery.position() {
                    Position::Partition { offset, .. } => Some(*offset),
                    _ => None,
                };
                self.unreadable.push((offset.unwrap(), malformed.reason().to_owned()));
            }
        }
    }
}

async fn send(topic: &str, envelopes: impl Iterator<Item = &Envelope>) {
    let sink = KafkaEventSink::builder(config()).topic(topic).build().unwrap();
    for envelope in envelopes {
        in_time(sink.send(envelope.clone())).await.unwrap();
    }
}

fn write_defective(topic: &str, partition: i32, count: u64, defect: KafkaBatchDefect) {
    let record = KafkaRawRecord {
        value: Some(b"{}".to_vec()),
        timestamp: 1_700_000_000_000,
        ..KafkaRawRecord::default()
    };
    block_in_place(|| broker().write_defective(topic, partition, &vec![record; count as usize], defect)).unwrap();
}

/// Reads all events and this many malformed deliveries.
async fn read(source: &mut KafkaEventSource, events: usize, unreadable: usize) -> Read {
    let mut read = Read::default();
    while read.ids.len() < events || read.unreadable.len() < unreadable {
        let delivery = next_delivery(source).await;
        read.add(&delivery);
        delivery.ack().await.unwrap();
    }
    read
}

/// Unreadable batches of these sizes at the start of the partition, alone, two in a row, and at its end.
async fn expect_both_sources_to_pass(defect: KafkaBatchDefect, sizes: [u64; 5], cause: &str) {
    let topic = unique_prefix();
    create_topic(&config(), &topic, 1).await;
    let sent = events(GoalId::new(), 4);
    let [first, second, third, fourth, last] = sizes;
    write_defective(&topic, 0, first, defect);
    send(&topic, sent.iter().take(2)).await;
    write_defective(&topic, 0, second, defect);
    send(&topic, sent.iter().skip(2).take(1)).await;
    write_defective(&topic, 0, third, defect);
    write_defective(&topic, 0, fourth, defect);
    send(&topic, sent.iter().skip(3)).await;
    write_defective(&topic, 0, last, defect);
    let mut unreadable = Vec::new();
    let mut next = 0;
    for (size, sent) in [(first, 2), (second, 1), (third + fourth, 1), (last, 0)] {
        let offsets = match size {
            1 => format!("offset {next}"),
            _ => format!("offsets {next} to {}", next + size - 1),
        };
        unreadable.push((next, format!("cannot read `{topic}`, partition 0, {offsets}: {cause}")));
        next += size + sent;
    }
    let expected = Read {
        ids: ids_of(&sent),
        unreadable,
    };
    let mut config = config();
    // A stalled partition is found by two consecutive statistics.
    config.set("statistics.interval.ms", "300");
    let builder = KafkaEventSource::builder(config).topic(topic.as_str());
    let mut standalone = in_time(builder.clone().build()).await.unwrap();
    assert_eq!(read(&mut standalone, 4, 4).await, expected);
    let mut member = in_time(builder.clone().group(&*topic).build()).await.unwrap();
    assert_eq!(read(&mut member, 4, 4).await, expected);
    let last_error = member.state().last_error().unwrap();
    assert_eq!(Some(&last_error), expected.unreadable.last().map(|(_, reason)| reason));
    in_time(member.close()).await.unwrap();
    assert_eq!(committed_offsets(&topic, &topic).await, high_watermarks(&topic).await);
    let after = events(GoalId::new(), 1);
    send(&topic, after.iter()).await;
    let mut member = in_time(builder.group(&*topic).build()).await.unwrap();
    assert_eq!(read_ids(&mut member, 1).await, ids_of(&after));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_cannot_be_decompressed_are_malformed() {
    let cause = "BadMessage (Local: Bad message format)";
    expect_both_sources_to_pass(KafkaBatchDefect::ByteAfterLz4Frame, [3, 1, 2, 4, 2], cause).await;
}

/// librdkafka reports no error: the source finds the partition by its position.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_cannot_be_parsed_are_malformed() {
    let cause = "Underflow (Local: Read underflow)";
    expect_both_sources_to_pass(KafkaBatchDefect::KeyLength, [1; 5], cause).await;
}

/// Brokers limit only the compressed size.
#[cfg(feature = "zstd")]
#[tokio::test(flavor = "multi_thread")]
async fn value_beyond_the_receive_limit_is_malformed() {
    let topic = unique_prefix();
    create_topic(&config(), &topic, 1).await;
    let name = topic.clone();
    let produce = tokio::task::spawn_blocking(move || {
        let mut config = config();
        config
            .set("compression.type", "zstd")
            .set("message.max.bytes", "8000000");
        let producer: BaseProducer = config.create().unwrap();
        let value = vec![b' '; 4_000_000];
        producer.send(BaseRecord::<(), _>::to(&name).payload(&value)).unwrap();
        producer.flush(TEST_TIMEOUT).unwrap();
    });
    in_time(produce).await.unwrap();
    let sent = events(GoalId::new(), 1);
    send(&topic, sent.iter()).await;
    let mut small = config();
    small
        .set("fetch.max.bytes", "1000000")
        .set("receive.message.max.bytes", "1000512");
    let builder = KafkaEventSource::builder(small).topic(topic.as_str());
    let cause = "BadCompression (Local: Invalid compressed data)";
    let expected = Read {
        ids: ids_of(&sent),
        unreadable: vec![(0, format!("cannot read `{topic}`, partition 0, offset 0: {cause}"))],
    };
    for builder in [builder.clone(), builder.group(&*topic)] {
        let mut source = in_time(builder.build()).await.unwrap();
        assert_eq!(read(&mut source, 1, 1).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_batch_is_redelivered_and_rejected_once() {
    let topic = unique_prefix();
    let letters = format!("{topic}.dead");
    create_topic(&config(), &topic, 2).await;
    create_topic(&config(), &letters, 1).await;
    // More than are searched one by one.
    write_defective(&topic, 1, 1_500, KafkaBatchDefect::ByteAfterLz4Frame);
    let builder = KafkaEventSource::builder(config()).topic(topic.as_str()).group(&*topic);
    let mut source = in_time(builder.dead_letters(&letters).build()).await.unwrap();
    let nacked = next_delivery(&mut source).await;
    let reason = nacked.envelope().unwrap_err().reason().to_owned();
    assert!(reason.contains("partition 1, offsets 0 to 1499: "), "{reason}");
    nacked.nack(Duration::ZERO).await.unwrap();
    let again = next_delivery(&mut source).await;
    assert_eq!(again.envelope().unwrap_err().reason(), reason);
    again.reject(&reason).await.unwrap();
    in_time(source.close()).await.unwrap();
    assert_eq!(committed_offsets(&topic, &topic).await, [0, 1_500]);
    let letters = raw_records(&letters).await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    let header = |name: &str| {
        let headers = letter.headers().unwrap();
        let header = headers.iter().find(|header| header.key == name).unwrap();
        String::from_utf8_lossy(header.value.unwrap()).into_owned()
    };
    assert_eq!(letter.payload(), None);
    assert_eq!(header("dead-letter-partition"), "1");
    assert_eq!(header("dead-letter-offset"), "0");
    assert_eq!(header("dead-letter-reason"), reason);
}

/// Records that are no events, so that a debug build reads them fast.
async fn fill(topic: &str, partition: i32, count: usize) {
    let topic = topic.to_owned();
    let fill = tokio::task::spawn_blocking(move || {
        let mut config = config();
        config.set("queue.buffering.max.messages", "1000000");
        let producer: BaseProducer = config.create().unwrap();
        for _ in 0..count {
            let record = BaseRecord::<(), _>::to(&topic).payload("[]").partition(partition);
            producer.send(record).unwrap();
        }
        producer.flush(TEST_TIMEOUT).unwrap();
    });
    in_time(fill).await.unwrap();
}

/// A reader with a backlog never waits for a record.
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_batch_is_found_behind_the_backlog_of_another_partition() {
    const BACKLOG: usize = 300_000;
    for defect in [KafkaBatchDefect::KeyLength, KafkaBatchDefect::ByteAfterLz4Frame] {
        let topic = unique_prefix();
        create_topic(&config(), &topic, 2).await;
        fill(&topic, 0, BACKLOG).await;
        let mut config = config();
        config.set("statistics.interval.ms", "20");
        let builder = KafkaEventSource::builder(config).topic(topic.as_str());
        let mut source = in_time(builder.build()).await.unwrap();
        next_delivery(&mut source).await;
        write_defective(&topic, 1, 1, defect);
        let mut read = 1;
        loop {
            let delivery = next_delivery(&mut source).await;
            if matches!(delivery.position(), Position::Partition { partition: 1, .. }) {
                break;
            }
            read += 1;
        }
        assert!(read < BACKLOG, "{defect:?}: found after {read} records");
    }
}

/// A partition that cannot be searched does not hide the batches of others.
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_batch_is_found_beside_a_deleted_topic() {
    let prefix = unique_prefix();
    let [deleted, topic] =
        [EventKind::GoalStarted, EventKind::Escalate].map(|kind| format!("{prefix}.{}", kind.subject()));
    for kind in EventKind::ALL {
        create_topic(&config(), &format!("{prefix}.{}", kind.subject()), 1).await;
    }
    let builder = KafkaEventSource::builder(config()).topic_per_subject().prefix(&prefix);
    let sent = events(GoalId::new(), 1);
    send(&deleted, sent.iter()).await;
    let mut source = in_time(builder.build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 1).await, ids_of(&sent));
    block_in_place(|| broker().admin().delete_topic(&deleted)).unwrap();
    write_defective(&topic, 0, 3, KafkaBatchDefect::ByteAfterLz4Frame);
    let found = async {
        loop {
            match source.next().await.unwrap() {
                Ok(delivery) => return delivery.envelope().unwrap_err().reason().to_owned(),
                // The deleted topic is an error of its own.
                Err(error) => assert!(error.to_string().contains("does not exist"), "{error:?}"),
            }
        }
    };
    let reason = in_time(found).await;
    assert!(
        reason.contains(&format!("`{topic}`, partition 0, offsets 0 to 2: ")),
        "{reason}"
    );
}

//! The wire contract: bytes, key, headers and timestamp of the records.

use std::collections::{BTreeMap, HashMap};

use driver_events_core::{DriverEventSink, DriverEventSinkExt, Envelope, Position, Receipt};
use driver_events_kafka::{Acks, KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;

use crate::support::{broker, config, create_tenant, events, ids_of, in_time, next_delivery, read_ids};

const FIXTURES: [&str; 2] = [
    include_str!("../../../driver-events-types/tests/fixtures/goal-run.ndjson"),
    include_str!("../../../driver-events-types/tests/fixtures/upstream-events.ndjson"),
];

#[tokio::test(flavor = "multi_thread")]
async fn fixtures_are_read_back_byte_for_byte_in_goal_order() {
    let prefix = create_tenant(3).await;
    let lines: Vec<&str> = FIXTURES.iter().flat_map(|fixture| fixture.lines()).collect();
    let sink = KafkaEventSink::builder(config()).prefix(&prefix).build().unwrap();
    sink.check().await.unwrap();
    let sink = sink.stamped("urn:test").unwrap();
    let envelopes: Vec<_> = lines
        .iter()
        .map(|line| Envelope::from_json((*line).to_owned()).unwrap())
        .collect();
    for result in in_time(sink.send_batch(envelopes.clone())).await {
        assert!(matches!(result, Ok(Receipt::Stored(_))), "{result:?}");
    }
    let mut source = KafkaEventSource::builder(config())
        .prefix(&prefix)
        .build()
        .await
        .unwrap();
    let mut read: HashMap<_, Vec<_>> = HashMap::new();
    for _ in &lines {
        let delivery = next_delivery(&mut source).await;
        let envelope = delivery.envelope().unwrap().clone();
        assert_eq!(envelope.source(), "urn:test");
        let Position::Partition { topic, .. } = delivery.position() else {
            panic!("{:?}", delivery.position());
        };
        assert_eq!(**topic, format!("{prefix}.agent.driver"));
        read.entry(envelope.goal_id()).or_default().push(envelope);
    }
    let mut sent: HashMap<_, Vec<_>> = HashMap::new();
    for envelope in envelopes {
        sent.entry(envelope.goal_id()).or_default().push(envelope);
    }
    assert_eq!(sent.len(), read.len());
    for (goal_id, sent) in sent {
        let read = &read[&goal_id];
        assert_eq!(sent.len(), read.len());
        for (sent, read) in sent.iter().zip(read) {
            assert_eq!(sent.json().unwrap(), read.json().unwrap());
            assert_eq!((sent.id(), sent.stamp()), (read.id(), read.stamp()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_console_consumer_sees_key_headers_and_timestamp() {
    let prefix = create_tenant(1).await;
    let sink = KafkaEventSink::builder(config()).prefix(&prefix).build().unwrap();
    let goal_id = GoalId::new();
    let time = chrono::DateTime::from_timestamp_millis(1_700_000_000_123).unwrap();
    let envelope = events(goal_id, 1).remove(0).with_time(time).unwrap();
    in_time(sink.send(envelope.clone())).await.unwrap();
    let topic = format!("{prefix}.agent.driver");
    let records = broker().read_with_console(&topic, 1).unwrap();
    let record = &records[0];
    assert_eq!(record.key.as_deref(), Some(&*goal_id.to_string()));
    assert_eq!(record.value.as_deref().unwrap().as_bytes(), envelope.json().unwrap());
    assert_eq!(record.timestamp, Some(1_700_000_000_123));
    let headers: BTreeMap<_, _> = record.headers.iter().map(|(key, value)| (&**key, &**value)).collect();
    let goal_id = goal_id.to_string();
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_id", envelope.id().as_str()),
        ("ce_source", envelope.source()),
        ("ce_type", "agent.driver.escalate"),
        ("ce_subject", &goal_id),
        ("ce_partitionkey", &goal_id),
        ("ce_time", "2023-11-14T22:13:20.123Z"),
        ("content-type", "application/json"),
    ];
    assert_eq!(headers, BTreeMap::from(expected));
    assert_eq!(record.headers.len(), expected.len(), "no header twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn weaker_acks_return_weaker_receipts() {
    let prefix = create_tenant(1).await;
    let goal = GoalId::new();
    for (acks, is_stored) in [(Acks::All, true), (Acks::Leader, true), (Acks::None, false)] {
        let sink = KafkaEventSink::builder(config())
            .prefix(&prefix)
            .acks(acks)
            .build()
            .unwrap();
        let receipt = in_time(sink.send(events(goal, 1).remove(0))).await.unwrap();
        assert_eq!(
            matches!(receipt, Receipt::Stored(_)),
            is_stored,
            "{acks:?}: {receipt:?}"
        );
        assert_eq!(receipt.guarantee(), sink.guarantee());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_compiled_in_codec_is_written_and_read() {
    let prefix = create_tenant(1).await;
    let has = |feature: bool, codec: &'static str| feature.then_some(codec);
    let codecs = [
        Some("none"),
        Some("lz4"),
        Some("snappy"),
        has(cfg!(feature = "gzip"), "gzip"),
        has(cfg!(feature = "zstd"), "zstd"),
    ];
    let mut sent = Vec::new();
    for codec in codecs.into_iter().flatten() {
        let mut config = config();
        config.set("compression.type", codec);
        let sink = KafkaEventSink::builder(config).prefix(&prefix).build().unwrap();
        let events = events(GoalId::new(), 20);
        sent.extend(ids_of(&events));
        for result in in_time(sink.send_batch(events)).await {
            result.unwrap();
        }
        in_time(sink.close()).await.unwrap();
    }
    let builder = KafkaEventSource::builder(config()).prefix(&prefix);
    let mut source = in_time(builder.build()).await.unwrap();
    assert_eq!(read_ids(&mut source, sent.len()).await, sent);
}

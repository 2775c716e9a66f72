//! What is in the topic are the bytes, with keys, headers and times, as an independent consumer sees them.

use std::collections::HashMap;

use driver_events_core::{DriverEventSink, DriverEventSinkExt, Envelope, Position, Receipt};
use driver_events_kafka::{Acks, KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;

use crate::support::{broker, config, events, ids, ids_of, in_time, next, tenant};

const FIXTURES: [&str; 2] = [
    include_str!("../../../driver-events-types/tests/fixtures/goal-run.ndjson"),
    include_str!("../../../driver-events-types/tests/fixtures/upstream-events.ndjson"),
];

#[tokio::test(flavor = "multi_thread")]
async fn both_fixtures_come_back_byte_for_byte_and_in_the_order_of_their_goals() {
    let prefix = tenant(3).await;
    let lines: Vec<&str> = FIXTURES.iter().flat_map(|fixture| fixture.lines()).collect();
    let sink = KafkaEventSink::builder(config()).prefix(&prefix).build().unwrap();
    sink.check().await.unwrap();
    let sink = sink.stamped("urn:test").unwrap();
    let envelopes: Vec<_> = lines
        .iter()
        .map(|line| Envelope::from_json((*line).to_owned()).unwrap())
        .collect();
    for answer in in_time(sink.send_batch(envelopes.clone())).await {
        assert!(matches!(answer, Ok(Receipt::Stored(_))), "{answer:?}");
    }
    let mut source = KafkaEventSource::builder(config())
        .prefix(&prefix)
        .build()
        .await
        .unwrap();
    let mut read: HashMap<_, Vec<_>> = HashMap::new();
    for _ in &lines {
        let delivery = next(&mut source).await;
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
async fn an_independent_consumer_sees_key_headers_and_time() {
    let prefix = tenant(1).await;
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
    let headers: HashMap<_, _> = record
        .headers
        .iter()
        .map(|(key, value)| (&**key, Some(&**value)))
        .collect();
    assert_eq!(headers["ce_specversion"], Some("1.0"));
    assert_eq!(headers["ce_id"], Some(envelope.id().as_str()));
    assert_eq!(headers["ce_type"], Some("agent.driver.escalate"));
    assert_eq!(headers["ce_subject"], Some(&*goal_id.to_string()));
    assert_eq!(headers["ce_time"], Some("2023-11-14T22:13:20.123Z"));
    assert_eq!(headers["content-type"], Some("application/json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weaker_promise_has_a_weaker_receipt() {
    let prefix = tenant(1).await;
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
async fn every_codec_that_is_built_in_is_written_and_read() {
    let prefix = tenant(1).await;
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
        for answer in in_time(sink.send_batch(events)).await {
            answer.unwrap();
        }
        in_time(sink.close()).await.unwrap();
    }
    let builder = KafkaEventSource::builder(config()).prefix(&prefix);
    let mut source = in_time(builder.build()).await.unwrap();
    assert_eq!(ids(&mut source, sent.len()).await, sent);
}

//! Batches that a broker refuses for one record in it, or for their size.

use std::collections::HashMap;
use std::sync::Arc;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Fate, Receipt, SinkError, SinkErrorKind};
use driver_events_kafka::KafkaEventSink;
use driver_events_types::GoalId;
use rdkafka::message::{Headers as _, Message as _};
use tokio::task::block_in_place;

use crate::support::{broker, config, events, ids_of, in_time, raw_records, unique_prefix};

type SendResult = Result<Receipt, SinkError>;

/// Creates a topic with these settings, and a sink for it that builds large batches.
fn sink(settings: &[(&str, &str)], properties: &[(&str, &str)]) -> (String, KafkaEventSink) {
    let topic = unique_prefix();
    block_in_place(|| broker().admin().create_topic(&topic, 1, 1, settings)).unwrap();
    let mut config = config();
    // Larger batches than usual, so that most records share a batch with a refused one.
    config.set("linger.ms", "50");
    for (name, value) in properties {
        config.set(*name, *value);
    }
    let sink = KafkaEventSink::builder(config).topic(topic.as_str()).build().unwrap();
    (topic, sink)
}

fn in_2030(envelope: Envelope) -> Envelope {
    let time = chrono::DateTime::from_timestamp(1_893_456_000, 0).unwrap();
    envelope.with_time(time).unwrap()
}

/// Checks that each result is as `is_refused` says, and that a refused event has this kind.
fn expect(results: &[SendResult], kind: SinkErrorKind, is_refused: impl Fn(usize) -> bool) {
    for (index, result) in results.iter().enumerate() {
        match result {
            Ok(receipt) => assert!(!is_refused(index), "{index}: {receipt:?}"),
            Err(error) => {
                assert!(is_refused(index), "{index}: {error}");
                assert_eq!((error.kind(), error.fate()), (kind, Fate::NotSent), "{index}: {error}");
            }
        }
    }
}

async fn stored_ids(topic: &str) -> Vec<String> {
    let id = |record: &rdkafka::message::OwnedMessage| {
        let headers = record.headers().unwrap();
        let id = headers.iter().find(|header| header.key == "ce_id").unwrap();
        String::from_utf8(id.value.unwrap().to_vec()).unwrap()
    };
    raw_records(topic).await.iter().map(id).collect()
}

/// Checks that these events are stored once each, and those of each goal in order.
async fn expect_stored(topic: &str, sent: &[Envelope]) {
    let stored = stored_ids(topic).await;
    let offsets: HashMap<_, _> = stored
        .iter()
        .enumerate()
        .map(|(offset, id)| (id.as_str(), offset))
        .collect();
    assert_eq!(
        (stored.len(), offsets.len()),
        (sent.len(), sent.len()),
        "each event once"
    );
    let mut last: HashMap<_, usize> = HashMap::new();
    for envelope in sent {
        let offset = *offsets.get(envelope.id().as_str()).expect("the event is stored");
        let last = last.insert(envelope.goal_id(), offset);
        assert!(last.is_none_or(|last| last < offset), "{envelope:?} is out of order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn record_in_the_future_fails_alone() {
    let (topic, sink) = sink(&[], &[]);
    let mut sent: Vec<_> = (0..20).map(|_| events(GoalId::new(), 10)).collect::<Vec<_>>().concat();
    sent[77] = in_2030(sent[77].clone());
    let results = in_time(sink.send_batch(sent.clone())).await;
    expect(&results, SinkErrorKind::Rejected, |index| index == 77);
    // Receipts name the records.
    let stored = stored_ids(&topic).await;
    for (envelope, result) in sent.iter().zip(&results) {
        if let Ok(Receipt::Stored(receipt)) = result {
            assert_eq!(stored[usize::try_from(receipt.offset).unwrap()], envelope.id().as_str());
        }
    }
    sent.remove(77);
    expect_stored(&topic, &sent).await;
    assert_eq!(sink.state().producer_recreations(), 0);
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_callers_are_isolated_from_refused_one() {
    let (topic, sink) = sink(&[], &[]);
    let sink = Arc::new(sink);
    let mut sent: Vec<_> = (0..200).flat_map(|_| events(GoalId::new(), 1)).collect();
    sent[100] = in_2030(sent[100].clone());
    let send = |envelope: &Envelope| {
        let (sink, envelope) = (Arc::clone(&sink), envelope.clone());
        tokio::spawn(async move { sink.send(envelope).await })
    };
    let calls: Vec<_> = sent.iter().map(send).collect();
    let mut results = Vec::new();
    for call in calls {
        results.push(in_time(call).await.unwrap());
    }
    expect(&results, SinkErrorKind::Rejected, |index| index == 100);
    sent.remove(100);
    expect_stored(&topic, &sent).await;
    in_time(sink.flush()).await.unwrap();
}

/// Each call has a refused record.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_follow_keep_the_order_of_a_goal() {
    let (topic, sink) = sink(&[], &[]);
    let goal = GoalId::new();
    let mut stored = Vec::new();
    for round in 0..20 {
        let mut sent = events(goal, 1 + round % 3);
        sent.push(in_2030(events(GoalId::new(), 1).remove(0)));
        let refused = sent.len() - 1;
        let results = in_time(sink.send_batch(sent.clone())).await;
        expect(&results, SinkErrorKind::Rejected, |index| index == refused);
        sent.pop();
        stored.extend(sent);
        let single = events(goal, 1);
        in_time(sink.send(single[0].clone())).await.unwrap();
        stored.extend(single);
    }
    assert_eq!(stored_ids(&topic).await, ids_of(&stored));
}

#[tokio::test(flavor = "multi_thread")]
async fn record_without_key_fails_alone_in_compacted_topic() {
    let (topic, sink) = sink(&[("cleanup.policy", "compact")], &[]);
    let mut sent = events(GoalId::new(), 60);
    let without_goal = Envelope::from_json(r#"{"kind":"goal_paused"}"#).unwrap();
    sent[30] = without_goal.with_event_type("agent.driver.goal.paused").unwrap();
    let results = in_time(sink.send_batch(sent.clone())).await;
    expect(&results, SinkErrorKind::Rejected, |index| index == 30);
    sent.remove(30);
    expect_stored(&topic, &sent).await;
}

/// Brokers apply `max.message.bytes` to the batch.
#[tokio::test(flavor = "multi_thread")]
async fn batch_over_the_topics_limit_is_stored_except_its_large_records() {
    let (topic, sink) = sink(&[("max.message.bytes", "4000")], &[("compression.type", "none")]);
    let mut sent: Vec<_> = (0..30).map(|_| events(GoalId::new(), 10)).collect::<Vec<_>>().concat();
    for index in [0, 150] {
        sent[index] = samples::sized(GoalId::new(), 5_000);
    }
    let results = in_time(sink.send_batch(sent.clone())).await;
    expect(&results, SinkErrorKind::TooLarge, |index| [0, 150].contains(&index));
    let cause = sink.state().last_error().unwrap();
    assert!(cause.ends_with("its records are sent alone"), "{cause}");
    sent.remove(150);
    sent.remove(0);
    expect_stored(&topic, &sent).await;
}

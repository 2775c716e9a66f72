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

/// Makes an event one that the broker refuses.
type Change = fn(Envelope) -> Envelope;
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

/// Returns events of a few goals that fill several batches, in turn.
fn many_events() -> Vec<Envelope> {
    let goals: Vec<_> = (0..4).map(|_| GoalId::new()).collect();
    (0..5_000)
        .flat_map(|_| goals.iter().flat_map(|goal| events(*goal, 1)))
        .collect()
}

/// Sends so many events that later batches are in flight when the broker refuses the first.
async fn expect_order_of_large_call(topic: &str, sink: &KafkaEventSink, change: impl Fn(Envelope) -> Envelope) {
    let mut sent = many_events();
    let refused = [5, 6, 9_000];
    for index in refused {
        let event = sent.get_mut(index).unwrap();
        *event = change(event.clone());
    }
    let results = in_time(sink.send_batch(sent.clone())).await;
    for index in refused.into_iter().rev() {
        let event = sent.remove(index);
        assert!(results.get(index).unwrap().is_err(), "{event:?}");
    }
    expect_stored(topic, &sent).await;
}

fn later(envelope: Envelope, hours: i64) -> Envelope {
    let time = envelope.time().unwrap() + chrono::TimeDelta::hours(hours);
    envelope.with_time(time).unwrap()
}

fn without_goal() -> Envelope {
    let envelope = Envelope::from_json(r#"{"kind":"goal_paused"}"#).unwrap();
    envelope.with_event_type("agent.driver.goal.paused").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_call_with_records_in_the_future_keeps_its_order() {
    let (topic, sink) = sink(&[], &[("linger.ms", "1")]);
    expect_order_of_large_call(&topic, &sink, in_2030).await;
    assert_eq!(sink.state().last_error(), None, "no batch was refused");
}

/// Settings that the brokers do not have by default are known after `check`.
#[tokio::test(flavor = "multi_thread")]
async fn checked_sink_keeps_the_order_with_the_topics_settings() {
    let settings = [
        ("message.timestamp.after.max.ms", "7200000"),
        ("message.timestamp.before.max.ms", "36000000"),
        ("max.message.bytes", "2000000"),
        ("cleanup.policy", "compact,delete"),
    ];
    let properties = [
        ("linger.ms", "1"),
        ("compression.type", "none"),
        ("message.max.bytes", "9000000"),
    ];
    let refused: [Change; 4] = [
        |envelope| later(envelope, 3),
        |envelope| later(envelope, -11),
        |envelope| samples::sized(envelope.goal_id().unwrap(), 2_100_000),
        |_| without_goal(),
    ];
    for change in refused {
        let (topic, sink) = sink(&settings, &properties);
        in_time(sink.check()).await.unwrap();
        expect_order_of_large_call(&topic, &sink, change).await;
        assert_eq!(sink.state().last_error(), None, "no batch was refused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checked_sink_builds_batches_that_the_topic_accepts() {
    let (topic, sink) = sink(&[("max.message.bytes", "4000")], &[("compression.type", "none")]);
    in_time(sink.check()).await.unwrap();
    let large = |envelope: Envelope| samples::sized(envelope.goal_id().unwrap(), 5_000);
    expect_order_of_large_call(&topic, &sink, large).await;
    assert_eq!(sink.state().last_error(), None, "no batch was refused");
    assert_eq!(sink.state().producer_recreations(), 0);
}

/// The sink learns from the first refused batch what the topic refuses.
#[tokio::test(flavor = "multi_thread")]
async fn calls_after_a_refused_batch_keep_their_order() {
    let limits: [(&str, &str, Change); 4] = [
        ("message.timestamp.after.max.ms", "60000", |envelope| {
            let time = envelope.time().unwrap() + chrono::TimeDelta::minutes(10);
            envelope.with_time(time).unwrap()
        }),
        ("message.timestamp.before.max.ms", "36000000", |envelope| {
            later(envelope, -11)
        }),
        ("max.message.bytes", "2000000", |envelope| {
            samples::sized(envelope.goal_id().unwrap(), 2_100_000)
        }),
        ("cleanup.policy", "compact", |_| without_goal()),
    ];
    for (name, value, change) in limits {
        let (topic, sink) = sink(
            &[(name, value)],
            &[
                ("linger.ms", "1"),
                ("compression.type", "none"),
                ("message.max.bytes", "9000000"),
            ],
        );
        let refused = change(events(GoalId::new(), 1).remove(0));
        in_time(sink.send(refused)).await.unwrap_err();
        assert!(sink.state().last_error().is_some(), "the batch was refused");
        expect_order_of_large_call(&topic, &sink, change).await;
    }
}

/// Every batch of the topic is too large, whatever its records are.
#[tokio::test(flavor = "multi_thread")]
async fn calls_after_batches_that_are_too_large_keep_their_order() {
    let (topic, sink) = sink(
        &[("max.message.bytes", "4000")],
        &[("compression.type", "none"), ("linger.ms", "1")],
    );
    let mut stored = Vec::new();
    for _ in 0..3 {
        let events = many_events()[..2_000].to_vec();
        let results = in_time(sink.send_batch(events.clone())).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        stored.extend(events);
    }
    let first = stored.drain(..2_000).collect::<Vec<_>>();
    let ids = stored_ids(&topic).await;
    assert_eq!(ids.len(), first.len() + stored.len());
    // The order within the first call is best effort.
    assert_eq!(ids[2_000..], ids_of(&stored));
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

/// The records of the refused batch are in no producer's queue until the call sends them alone.
#[tokio::test(flavor = "multi_thread")]
async fn flush_waits_for_records_between_two_producers() {
    let properties = [("message.timeout.ms", "3000")];
    let (topic, sink) = sink(&[("message.timestamp.after.max.ms", "60000")], &properties);
    let mut sent = events(GoalId::new(), 20);
    let time = sent[7].time().unwrap() + chrono::TimeDelta::minutes(10);
    sent[7] = sent[7].clone().with_time(time).unwrap();
    let mut call = sink.send_batch(sent.clone());
    assert!(futures_util::poll!(&mut call).is_pending());
    // The call is not polled, so it cannot send them.
    let error = in_time(sink.flush()).await.unwrap_err();
    assert_eq!(error.to_string(), "20 events are not delivered yet");
    assert_eq!(sink.state().last_error(), Some(error.to_string()));
    in_time(call).await;

    // The refused record is known now: it is sent alone, and the later ones of its goal after it.
    let mut call = sink.send_batch(sent.clone());
    assert!(futures_util::poll!(&mut call).is_pending());
    let ids = ids_of(&sent);
    tokio::select! {
        biased;
        flushed = in_time(sink.flush()) => flushed.unwrap(),
        results = in_time(&mut call) => assert_eq!(results.len(), 20),
    }
    let stored = stored_ids(&topic).await;
    assert_eq!(stored.last(), ids.last());
    // A call that was dropped leaves nothing behind.
    let mut call = sink.send_batch(sent);
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
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
    sent[30] = without_goal();
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

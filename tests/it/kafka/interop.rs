//! Consumers in other languages receive every event as documented: topic, key, time, headers, payload.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use driver_events_core::{DriverEventSink, DriverEventSinkExt, Envelope, SinkErrorKind};
use driver_events_harness::{KafkaBroker, KafkaConfig, wait_until};
use driver_events_kafka::KafkaEventSink;
use driver_events_types::{DriverEvent, GoalId};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};

use super::{config, create_topic, shared, start};
use crate::consumers::{KAFKA_LANGUAGES, TIMEOUT};
use crate::sample_events::{FOREIGN, SOURCE, assert_reported, attributes, envelopes, publish, with_faults};

fn sink(broker: &KafkaBroker, topic: &str) -> KafkaEventSink {
    KafkaEventSink::builder(config(broker)).topic(topic).build().unwrap()
}

/// The output of a consumer for a published envelope.
fn printed(topic: &str, envelope: &Envelope, has_headers: bool) -> Value {
    let header = |(name, value): (&str, String)| match name {
        "datacontenttype" => ("content-type".to_owned(), value),
        _ => (format!("ce_{name}"), value),
    };
    let headers: BTreeMap<_, _> = attributes(envelope).map(header).filter(|_| has_headers).collect();
    json!({
        "topic": topic,
        "key": envelope.goal_id().map(|goal_id| goal_id.to_string()),
        "timestamp": envelope.time().map(|time| time.timestamp_millis()),
        "headers": headers,
        "payload": std::str::from_utf8(envelope.json().unwrap()).unwrap(),
        "note": "",
    })
}

/// The records of each key, in order.
fn by_key(records: impl IntoIterator<Item = Value>) -> HashMap<Value, Vec<Value>> {
    let mut keys: HashMap<_, Vec<_>> = HashMap::new();
    for record in records {
        keys.entry(record["key"].clone()).or_default().push(record);
    }
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_reads_all_events_and_resumes_at_its_offsets() {
    let broker = &shared().broker;
    for (topic, has_headers) in [("acme.agent.driver", true), ("acme.agent.driver.bare", false)] {
        create_topic(broker, topic, 3).await;
        let builder = KafkaEventSink::builder(config(broker)).topic(topic);
        let builder = if has_headers { builder } else { builder.bare() };
        let sent = publish(&builder.build().unwrap().stamped(SOURCE).unwrap()).await;
        for language in KAFKA_LANGUAGES {
            let mut read = Vec::new();
            for count in [150, sent.len() - 150] {
                let options = ["--json", &format!("--count={count}")];
                read.extend(start(language, broker, topic, &options).messages().await);
            }
            // An event without a time gets the time of the producer's clock.
            for record in &mut read {
                let is_timed = |envelope: &&Envelope| envelope.time().is_some();
                let payload = record["payload"].as_str().unwrap();
                let of = |envelope: &&Envelope| envelope.json().unwrap().as_ref() == payload.as_bytes();
                if !sent.iter().filter(of).any(|envelope| is_timed(&envelope)) {
                    assert!(record["timestamp"].as_i64() > Some(0), "{language:?}: {record}");
                    record["timestamp"] = Value::Null;
                }
            }
            let expected = by_key(sent.iter().map(|envelope| printed(topic, envelope, has_headers)));
            let mut read = by_key(read);
            assert_eq!(read.len(), expected.len(), "{language:?}");
            for (key, expected) in expected {
                assert_eq!(read.remove(&key), Some(expected), "{language:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_duplicates_and_malformed_records_are_reported() {
    let broker = &shared().broker;
    let topic = "with-faults";
    create_topic(broker, topic, 1).await;
    let sink = sink(broker, topic);
    for envelope in with_faults() {
        sink.send(envelope).await.unwrap();
    }
    let foreign: FutureProducer = config(broker).create().unwrap();
    for payload in FOREIGN {
        let record = FutureRecord::<(), _>::to(topic).payload(payload);
        foreign.send(record, Duration::ZERO).await.unwrap();
    }
    for language in KAFKA_LANGUAGES {
        let consumer = start(language, broker, topic, &["--count=9"]);
        assert_reported(language, consumer.lines().await);
    }
}

/// Brokers limit how far a timestamp may be ahead of their clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_future_timestamp_is_rejected_an_old_one_is_accepted() {
    let broker = &shared().broker;
    create_topic(broker, "other-times", 1).await;
    let sink = sink(broker, "other-times");
    let at = |time| envelopes().remove(0).with_time(time).unwrap();
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 2 * 3600;
    let ahead = DateTime::from_timestamp(seconds.try_into().unwrap(), 0).unwrap();
    let error = sink.send(at(ahead)).await;
    assert_eq!(error.unwrap_err().kind(), SinkErrorKind::Rejected);
    sink.send(at("1999-12-31T23:59:59Z".parse().unwrap())).await.unwrap();
}

/// An event of each goal.
fn one_of_each(goals: &[GoalId]) -> Vec<Envelope> {
    let event = |goal_id: &GoalId| DriverEvent::Escalate {
        goal_id: *goal_id,
        reason: "x".into(),
    };
    goals.iter().map(event).map(Envelope::new).collect()
}

/// After one of two members leaves, the other reads the rest and reports no gaps.
#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_group_share_partitions_and_take_over() {
    let broker = &shared().broker;
    for (language, topic) in KAFKA_LANGUAGES.into_iter().zip(["shared-1", "shared-2"]) {
        create_topic(broker, topic, 4).await;
        let sink = sink(broker, topic).stamped(SOURCE).unwrap();
        let goals: Vec<_> = (0..40).map(|_| GoalId::new()).collect();
        let mut sent = 0;
        let mut send = async || {
            for result in sink.send_batch(one_of_each(&goals)).await {
                result.unwrap();
                sent += 1;
            }
        };
        send().await;
        let mut first = start(language, broker, topic, &[]);
        wait_until("the first member reads", TIMEOUT, async || {
            first.printed() == goals.len()
        })
        .await;
        let mut second = start(language, broker, topic, &[]);
        wait_until("the second member has partitions", TIMEOUT, async || {
            send().await;
            second.printed() > 0
        })
        .await;
        first.terminate();
        let mut lines = first.lines().await;
        send().await;
        let read = lines.len();
        wait_until("the second member reads the rest", TIMEOUT, async || {
            read + second.printed() >= sent
        })
        .await;
        second.terminate();
        lines.extend(second.lines().await);
        assert!(lines.iter().all(|line| !line.contains('(')), "{language:?}: {lines:?}");
        let mut numbers: Vec<_> = lines.iter().map(|line| line.rsplit_once(' ').unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!((numbers.len(), lines.len()), (sent, sent), "{language:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_resume_after_a_broker_restart() {
    let mut broker = KafkaBroker::start(KafkaConfig::new()).unwrap();
    create_topic(&broker, "agent.driver", 1).await;
    let sink = sink(&broker, "agent.driver");
    let mut envelopes = envelopes().into_iter();
    sink.send(envelopes.next().unwrap()).await.unwrap();
    let mut consumers = KAFKA_LANGUAGES.map(|language| start(language, &broker, "agent.driver", &["--count=2"]));
    for consumer in &mut consumers {
        wait_until("the first event is read", TIMEOUT, async || consumer.printed() == 1).await;
    }
    broker.kill().unwrap();
    broker.restart().unwrap();
    sink.send(envelopes.next().unwrap()).await.unwrap();
    for consumer in consumers {
        assert_eq!(consumer.lines().await.len(), 2);
    }
}

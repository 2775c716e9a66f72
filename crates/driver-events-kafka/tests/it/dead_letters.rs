//! Dead letters that the broker refuses as they are.

use std::collections::HashMap;

use driver_events_core::{Delivery, DriverEventSource, Position, SourceErrorKind};
use driver_events_harness::KafkaRawRecord;
use driver_events_kafka::{KafkaEventSource, KafkaEventSourceBuilder};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedMessage, Timestamp};
use tokio::task::block_in_place;

use crate::support::{
    broker, config, expect_all_committed, in_time, next_delivery, proxied_broker, proxied_config_of, raw_records,
    topic_of, unique_prefix,
};

/// Topic of a tenant and its dead-letter topic with these settings.
fn topics(settings: &[(&str, &str)]) -> (String, String) {
    let prefix = unique_prefix();
    let dead = format!("{prefix}.dead");
    let any_time = [("message.timestamp.after.max.ms", "9223372036854775807")];
    block_in_place(|| {
        broker()
            .admin()
            .create_topic(&topic_of(&prefix), 1, 1, &any_time)
            .unwrap();
        broker().admin().create_topic(&dead, 1, 1, settings).unwrap();
    });
    (prefix, dead)
}

fn write(prefix: &str, record: &KafkaRawRecord) {
    block_in_place(|| broker().write_raw(&topic_of(prefix), 0, std::slice::from_ref(record))).unwrap();
}

fn reader(prefix: &str, dead: &str) -> KafkaEventSourceBuilder {
    KafkaEventSource::builder(config())
        .prefix(prefix)
        .group(prefix)
        .dead_letters(dead)
}

/// Returns 3,000 bytes that cannot be compressed.
fn noise(seed: u64) -> Vec<u8> {
    let next = |state: &u64| {
        let state = state.wrapping_mul(6_364_136_223_846_793_005);
        Some(state.wrapping_add(1_442_695_040_888_963_407))
    };
    let states = std::iter::successors(Some(seed), next).skip(1);
    states.map(|state| state.to_be_bytes()[0]).take(3_000).collect()
}

async fn reject_one(prefix: &str, dead: &str) -> OwnedMessage {
    let mut source = in_time(reader(prefix, dead).build()).await.unwrap();
    let delivery: Delivery = next_delivery(&mut source).await;
    in_time(delivery.reject("not an event")).await.unwrap();
    in_time(source.close()).await.unwrap();
    expect_all_committed(prefix).await;
    raw_records(dead).await.remove(0)
}

fn headers(record: &OwnedMessage) -> HashMap<&str, &str> {
    let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
    headers
        .filter_map(|header| Some((header.key, std::str::from_utf8(header.value?).ok()?)))
        .collect()
}

/// The topic accepts a time that the dead-letter topic does not.
#[tokio::test(flavor = "multi_thread")]
async fn record_in_the_future_is_dead_lettered() {
    let (prefix, dead) = topics(&[]);
    let timestamp = 1_893_456_000_000;
    let record = KafkaRawRecord {
        value: Some(b"{".to_vec()),
        timestamp,
        ..KafkaRawRecord::default()
    };
    write(&prefix, &record);
    let letter = reject_one(&prefix, &dead).await;
    assert_eq!(letter.payload(), Some(&b"{"[..]));
    assert_eq!(headers(&letter)["dead-letter-timestamp"], timestamp.to_string());
    let Timestamp::CreateTime(now) = Timestamp::now() else {
        unreachable!()
    };
    let age = now - letter.timestamp().to_millis().unwrap();
    assert!((0..60_000).contains(&age), "{age}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_value_is_replaced_by_its_digest() {
    let (prefix, dead) = topics(&[("max.message.bytes", "2000")]);
    let record = KafkaRawRecord {
        key: Some(b"k".to_vec()),
        value: Some(noise(1)),
        headers: vec![(b"x-own".to_vec(), Some(b"1".to_vec()))],
        timestamp: -1,
    };
    write(&prefix, &record);
    let letter = reject_one(&prefix, &dead).await;
    assert_eq!(letter.key(), Some(&b"k"[..]));
    let value = std::str::from_utf8(letter.payload().unwrap()).unwrap();
    let sha256 = "f19df53b6660e96f918792dfc0b60e6941f0c1fb39b3e53b5c3364403ab3c280";
    let topic = topic_of(&prefix);
    let expected = format!(r#"{{"topic":"{topic}","partition":0,"offset":0,"length":3000,"sha256":"{sha256}"}}"#);
    assert_eq!(value, expected);
    let headers = headers(&letter);
    assert_eq!((headers["x-own"], headers["dead-letter-omitted"]), ("1", "value"));
    assert!(!headers.contains_key("dead-letter-timestamp"));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_key_and_headers_are_left_out() {
    let (prefix, dead) = topics(&[("max.message.bytes", "2000")]);
    let record = KafkaRawRecord {
        key: Some(noise(2)),
        value: Some(b"{".to_vec()),
        headers: vec![(b"x-own".to_vec(), Some(noise(3)))],
        timestamp: -1,
    };
    write(&prefix, &record);
    let letter = reject_one(&prefix, &dead).await;
    assert_eq!(letter.key(), None);
    let headers = headers(&letter);
    assert_eq!(headers["dead-letter-omitted"], "key, value and headers");
    assert_eq!(headers["dead-letter-offset"], "0");
    assert!(!headers.contains_key("x-own"));
}

#[tokio::test(flavor = "multi_thread")]
async fn record_without_key_gets_one_in_compacted_topic() {
    let (prefix, dead) = topics(&[("cleanup.policy", "compact")]);
    let record = KafkaRawRecord {
        value: Some(b"{".to_vec()),
        ..KafkaRawRecord::default()
    };
    write(&prefix, &record);
    let letter = reject_one(&prefix, &dead).await;
    let key = format!("{}/0/0", topic_of(&prefix));
    assert_eq!(letter.key(), Some(key.as_bytes()));
    assert_eq!(letter.payload(), Some(&b"{"[..]));
}

/// Bytes of headers that rdkafka cannot read.
#[tokio::test(flavor = "multi_thread")]
async fn header_bytes_are_kept() {
    let (prefix, dead) = topics(&[]);
    let record = KafkaRawRecord {
        value: Some(b"{".to_vec()),
        headers: vec![(b"\xe9".to_vec(), Some(b"\xff\0".to_vec())), (b"null".to_vec(), None)],
        ..KafkaRawRecord::default()
    };
    write(&prefix, &record);
    let mut source = in_time(reader(&prefix, &dead).build()).await.unwrap();
    in_time(next_delivery(&mut source).await.reject("not an event"))
        .await
        .unwrap();
    let letter = raw_records(&dead).await.remove(0);
    let headers = letter.headers().unwrap();
    let unreadable = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| headers.try_get(0).is_some()));
    assert!(unreadable.is_err(), "the name is unchanged");
    assert_eq!(
        headers.get(1),
        Header {
            key: "null",
            value: None
        }
    );
}

/// Without the topic every dead letter fails: the source ends, and the next one cannot be built.
#[tokio::test(flavor = "multi_thread")]
async fn deleted_dead_letter_topic_ends_the_source() {
    let (prefix, dead) = topics(&[]);
    let record = KafkaRawRecord {
        value: Some(b"{".to_vec()),
        ..KafkaRawRecord::default()
    };
    write(&prefix, &record);
    write(&prefix, &record);
    let mut source = in_time(reader(&prefix, &dead).build()).await.unwrap();
    let delivery = next_delivery(&mut source).await;
    block_in_place(|| broker().admin().delete_topic(&dead)).unwrap();
    let error = in_time(delivery.reject("not an event")).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Fatal, "{error}");
    assert!(error.to_string().contains("create the topic"), "{error}");
    let mut ended = None;
    while let Some(next) = in_time(source.next()).await {
        if let Err(error) = next {
            ended = Some(error);
        }
    }
    assert_eq!(ended.unwrap().to_string(), error.to_string());
    assert!(source.state().last_error().unwrap().starts_with(&error.to_string()));
    assert!(in_time(reader(&prefix, &dead).build()).await.is_err());
}

/// A dead letter that fails during an outage is redelivered without a restart.
#[tokio::test(flavor = "multi_thread")]
async fn outage_of_dead_letters_redelivers_the_record() {
    let broker = proxied_broker().await;
    let (topic, dead) = (unique_prefix(), unique_prefix());
    let record = KafkaRawRecord {
        value: Some(b"{".to_vec()),
        ..KafkaRawRecord::default()
    };
    block_in_place(|| {
        for topic in [&topic, &dead] {
            broker.admin().create_topic(topic, 1, 1, &[]).unwrap();
        }
        broker.write_raw(&topic, 0, &[record]).unwrap();
    });
    let source = KafkaEventSource::builder(proxied_config_of(&broker)).topic(topic.as_str());
    let mut source = in_time(source.group(&*topic).dead_letters(&*dead).build())
        .await
        .unwrap();
    let delivery = next_delivery(&mut source).await;
    let proxy = broker.proxy().unwrap();
    proxy.refuse(true);
    proxy.cut();
    // After `message.timeout.ms`.
    let error = in_time(delivery.reject("not an event")).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
    let cause = source.state().last_error().unwrap();
    assert!(cause.contains("refused"), "{cause}");
    proxy.heal();
    let delivery = next_delivery(&mut source).await;
    assert!(
        matches!(delivery.position(), Position::Partition { offset: 0, .. }),
        "{delivery:?}"
    );
    in_time(delivery.reject("not an event")).await.unwrap();
}

//! Records of other producers, with any bytes that the protocol allows.

use std::time::{Duration, Instant};

use driver_events_core::{Delivery, DriverEventSink, DriverEventSource, Envelope, Position};
use driver_events_harness::{KafkaRawRecord, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tokio::task::block_in_place;

use crate::support::{
    TEST_TIMEOUT, broker, config, create_tenant, create_topic, events, ids_of, in_time, next_delivery, read_ids,
    topic_of, unique_prefix,
};

const EVENT: &str = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"r"}"#;

/// A record with these headers and an event as value.
fn record(headers: &[(&[u8], Option<&[u8]>)]) -> KafkaRawRecord {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec)));
    KafkaRawRecord {
        key: None,
        value: Some(EVENT.into()),
        headers: headers.collect(),
        timestamp: 1_700_000_000_000,
    }
}

/// Writes each record as a batch, and returns its delivery to a standalone source and to a member of a group.
async fn read(records: &[KafkaRawRecord], settings: &[(&str, &str)]) -> Vec<[Delivery; 2]> {
    let topic = unique_prefix();
    block_in_place(|| {
        broker().admin().create_topic(&topic, 1, 1, settings).unwrap();
        for record in records {
            broker().write_raw(&topic, 0, std::slice::from_ref(record)).unwrap();
        }
    });
    let builder = KafkaEventSource::builder(config()).topic(topic.as_str());
    let mut standalone = in_time(builder.clone().build()).await.unwrap();
    let mut member = in_time(builder.group(&*topic).build()).await.unwrap();
    let mut deliveries = Vec::new();
    for offset in 0..records.len() as u64 {
        let read = [next_delivery(&mut standalone).await, next_delivery(&mut member).await];
        for delivery in &read {
            assert!(
                matches!(delivery.position(), Position::Partition { offset: found, .. } if *found == offset),
                "{delivery:?}"
            );
        }
        deliveries.push(read);
    }
    deliveries
}

fn envelope(delivery: &Delivery) -> &Envelope {
    delivery.envelope().expect("an event")
}

#[tokio::test(flavor = "multi_thread")]
async fn header_names_that_are_not_utf8_are_ignored() {
    let names: [&[u8]; 7] = [
        b"X-Author\xe9",
        b"\xff",
        b"ce_\xff",
        b"",
        b"a\0b",
        b"\x1b[2J",
        &[b'n'; 40_000],
    ];
    let mut records: Vec<_> = names.iter().map(|name| record(&[(name, Some(b"x"))])).collect();
    let id = (&b"ce_id"[..], Some(&b"id-1"[..]));
    records.push(record(&[
        (b"\xe9", Some(b"x")),
        id,
        (b"\xfe", None),
        (b"ce_foo", Some(b"\xff")),
    ]));
    for (index, deliveries) in read(&records, &[]).await.iter().enumerate() {
        for delivery in deliveries {
            assert_eq!(envelope(delivery).json().unwrap(), EVENT.as_bytes());
            if index == names.len() {
                assert_eq!(envelope(delivery).id().as_str(), "id-1");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_1000_headers_are_malformed() {
    let header = (&b"\xff"[..], None);
    let records = [record(&[header; 1_000]), record(&[header; 1_001])];
    let deliveries = read(&records, &[]).await;
    let [most, too_many] = &deliveries[..] else {
        panic!("{deliveries:?}")
    };
    for delivery in most {
        assert_eq!(envelope(delivery).json().unwrap(), EVENT.as_bytes());
    }
    for delivery in too_many {
        let malformed = delivery.envelope().unwrap_err();
        assert_eq!(malformed.reason(), "the record has 1001 headers, more than 1000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_header_is_an_absent_attribute() {
    let valid: [(&str, &str); 9] = [
        ("ce_specversion", "1.0"),
        ("ce_id", "id-1"),
        ("ce_source", "urn:x"),
        ("ce_type", "agent.driver.escalate"),
        ("ce_time", "2026-01-01T00:00:00Z"),
        ("ce_sequence", "00000000000000000007"),
        ("ce_producerrun", "run-1"),
        (
            "ce_traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("ce_tracestate", "a=b"),
    ];
    let with = |changed: &[&str], value: Option<&'static [u8]>| {
        let headers = valid.map(|(name, text)| {
            let value = if changed.contains(&name) {
                value
            } else {
                Some(text.as_bytes())
            };
            (name.as_bytes(), value)
        });
        record(&headers)
    };
    let stamp = ["ce_sequence", "ce_producerrun"];
    let mut records = vec![record(&[(b"content-type", None)])];
    for (name, _) in valid {
        let absent: &[&str] = if stamp.contains(&name) { &stamp } else { &[name] };
        records.push(with(absent, None));
    }
    let all: Vec<_> = valid.iter().map(|(name, _)| *name).collect();
    records.push(with(&all, None));
    for (name, _) in valid {
        records.push(with(&[name], Some(b"")));
    }
    let deliveries = read(&records, &[]).await;
    let (null, empty) = deliveries.split_at(valid.len() + 2);
    for ([delivery, _], (name, _)) in null[1..].iter().zip(valid) {
        let envelope = envelope(delivery);
        let has = |other: &str, is_present: bool| assert_eq!(is_present, other != name, "{other} without {name}");
        has("ce_id", envelope.id().as_str() == "id-1");
        has("ce_source", envelope.source() == "urn:x");
        has(
            "ce_time",
            envelope.time() == Some("2026-01-01T00:00:00Z".parse().unwrap()),
        );
        has("ce_traceparent", envelope.traceparent().is_some());
        assert_eq!(envelope.stamp().is_some(), !stamp.contains(&name));
        assert_eq!(envelope.subject(), Some("agent.driver.escalate"));
    }
    for [delivery, _] in [&null[0], &null[valid.len() + 1]] {
        assert_eq!(envelope(delivery).stamp(), None);
        assert_eq!(envelope(delivery).time(), None);
    }
    // Only a trace may be empty: it is then absent.
    for ([delivery, _], (name, _)) in empty.iter().zip(valid) {
        assert_eq!(
            delivery.envelope().is_ok(),
            ["ce_traceparent", "ce_tracestate"].contains(&name),
            "{name}: {delivery:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn last_of_repeated_headers_counts() {
    let records = [
        record(&[(b"ce_id", Some(b"a")), (b"ce_id", Some(b"b"))]),
        record(&[
            (b"ce_time", Some(b"never")),
            (b"ce_time", Some(b"2026-01-01T00:00:00Z")),
        ]),
        record(&[(b"ce_id", Some(b"a")), (b"ce_id", None)]),
        record(&[(b"ce_time", Some(b"2026-01-01T00:00:00Z")), (b"ce_time", Some(b"\xff"))]),
    ];
    let deliveries = read(&records, &[]).await;
    assert_eq!(envelope(&deliveries[0][0]).id().as_str(), "b");
    assert!(envelope(&deliveries[1][0]).time().is_some());
    assert_eq!(envelope(&deliveries[2][0]).id().as_str(), "a");
    let malformed = deliveries[3][0].envelope().unwrap_err();
    assert_eq!(malformed.reason(), "attribute `time` is not UTF-8");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_key_and_timestamp_is_read() {
    let keys = [
        None,
        Some(Vec::new()),
        Some(b"\xff\0\x1b[2J".to_vec()),
        Some(vec![b'k'; 400_000]),
    ];
    let timestamps = [-1, 0, 1, i64::MAX];
    let mut records = Vec::new();
    for key in keys {
        records.extend(timestamps.map(|timestamp| {
            let key = key.clone();
            KafkaRawRecord {
                key,
                timestamp,
                ..record(&[])
            }
        }));
    }
    let any_time = [
        ("message.timestamp.after.max.ms", "9223372036854775807"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
    ];
    for [delivery, _] in &read(&records, &any_time).await {
        assert_eq!(envelope(delivery).json().unwrap(), EVENT.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_and_empty_values_are_malformed() {
    let values = [None, Some(Vec::new()), Some(vec![0xff; 900_000])];
    let records = values.map(|value| KafkaRawRecord { value, ..record(&[]) });
    let deliveries = read(&records, &[]).await;
    let reasons: Vec<_> = deliveries
        .iter()
        .map(|[delivery, _]| delivery.envelope().unwrap_err().reason())
        .collect();
    assert_eq!(reasons[0], "the record has no value");
    assert_ne!(reasons[1], reasons[0]);
}

/// Random records among events of one goal, read by both kinds of source.
#[tokio::test(flavor = "multi_thread")]
async fn events_among_random_records_are_read_once_in_order() {
    let topic = unique_prefix();
    let any_time = [("message.timestamp.after.max.ms", "9223372036854775807")];
    block_in_place(|| broker().admin().create_topic(&topic, 1, 1, &any_time)).unwrap();
    let sink = KafkaEventSink::builder(config()).topic(topic.as_str()).build().unwrap();
    let mut random = Random(1);
    let goal = GoalId::new();
    let mut sent = Vec::new();
    for _ in 0..50 {
        let records: Vec<_> = (0..40).map(|_| random.record()).collect();
        block_in_place(|| broker().write_raw(&topic, 0, &records)).unwrap();
        let event = events(goal, 1);
        in_time(sink.send(event[0].clone())).await.unwrap();
        sent.extend(ids_of(&event));
    }
    for group in [None, Some(&*topic)] {
        let mut builder = KafkaEventSource::builder(config()).topic(topic.as_str());
        if let Some(group) = group {
            builder = builder.group(group);
        }
        let mut source = in_time(builder.build()).await.unwrap();
        let mut read = Vec::new();
        for offset in 0..50 * 41 {
            let delivery = next_delivery(&mut source).await;
            let Position::Partition { offset: found, .. } = delivery.position() else {
                panic!("{delivery:?}");
            };
            assert_eq!(*found, offset, "each record is delivered or reported");
            let is_event = delivery
                .envelope()
                .is_ok_and(|envelope| envelope.goal_id() == Some(goal));
            if is_event {
                read.push(envelope(&delivery).id().to_string());
            }
            delivery.ack().await.unwrap();
        }
        assert_eq!(read, sent);
    }
}

/// A linear congruential generator, so that a failure is repeatable.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % limit
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        let index = self.below(items.len() as u64);
        *items.get(usize::try_from(index).unwrap()).unwrap()
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.below(40);
        (0..length).map(|_| self.below(256).to_be_bytes()[7]).collect()
    }

    fn optional(&mut self) -> Option<Vec<u8>> {
        (self.below(4) > 0).then(|| self.bytes())
    }

    fn record(&mut self) -> KafkaRawRecord {
        const NAMES: [&[u8]; 6] = [
            b"ce_id",
            b"ce_time",
            b"ce_sequence",
            b"content-type",
            b"ce_type",
            b"ce_source",
        ];
        let headers = (0..self.below(6)).map(|_| {
            let name = match self.below(2) {
                0 => self.one_of(&NAMES).to_vec(),
                _ => self.bytes(),
            };
            (name, self.optional())
        });
        let headers = headers.collect();
        let value = match self.below(3) {
            0 => Some(EVENT.into()),
            _ => self.optional(),
        };
        let timestamp = self.one_of(&[-1, 0, 1, 1_700_000_000_000, i64::MAX]);
        let key = self.optional();
        KafkaRawRecord {
            key,
            value,
            headers,
            timestamp,
        }
    }
}

/// Times before 1970 and fractions of milliseconds are in the header alone.
#[tokio::test(flavor = "multi_thread")]
async fn time_of_event_survives() {
    let prefix = create_tenant(1).await;
    let sink = KafkaEventSink::builder(config()).prefix(&prefix).build().unwrap();
    let times = [
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999999Z",
        "1970-01-01T00:00:00Z",
        "2001-02-03T04:05:06.789012345Z",
    ];
    let times = times.map(|time| time.parse::<chrono::DateTime<chrono::Utc>>().unwrap());
    for time in times {
        let envelope = events(GoalId::new(), 1).remove(0).with_time(time).unwrap();
        in_time(sink.send(envelope)).await.unwrap();
    }
    let source = KafkaEventSource::builder(config()).prefix(&prefix).build();
    let mut source = in_time(source).await.unwrap();
    for time in times {
        assert_eq!(next_delivery(&mut source).await.envelope().unwrap().time(), Some(time));
    }
    let records = block_in_place(|| broker().read_with_console(&topic_of(&prefix), 4)).unwrap();
    let timestamps: Vec<_> = records.iter().map(|record| record.timestamp).collect();
    assert_eq!(timestamps, [Some(1), Some(1), Some(1), Some(981_173_106_789)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn aborted_transactions_and_markers_are_passed_over() {
    let topic = unique_prefix();
    create_topic(&config(), &topic, 1).await;
    let name = topic.clone();
    let write = tokio::task::spawn_blocking(move || {
        let mut config = config();
        config.set("transactional.id", &name);
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(TEST_TIMEOUT).unwrap();
        for round in 0..6 {
            producer.begin_transaction().unwrap();
            producer.send(BaseRecord::<(), _>::to(&name).payload(EVENT)).unwrap();
            producer.flush(TEST_TIMEOUT).unwrap();
            match round % 2 {
                0 => producer.abort_transaction(TEST_TIMEOUT).unwrap(),
                _ => producer.commit_transaction(TEST_TIMEOUT).unwrap(),
            }
        }
    });
    in_time(write).await.unwrap();
    let after = events(GoalId::new(), 1);
    let sink = KafkaEventSink::builder(config()).topic(topic.as_str()).build().unwrap();
    in_time(sink.send(after[0].clone())).await.unwrap();
    for group in [None, Some(&*topic)] {
        let mut builder = KafkaEventSource::builder(config()).topic(topic.as_str());
        if let Some(group) = group {
            builder = builder.group(group);
        }
        let mut source = in_time(builder.build()).await.unwrap();
        for _ in 0..3 {
            assert_eq!(
                envelope(&next_delivery(&mut source).await).json().unwrap(),
                EVENT.as_bytes()
            );
        }
        assert_eq!(read_ids(&mut source, 1).await, ids_of(&after));
        let next = tokio::time::timeout(Duration::from_millis(200), source.next()).await;
        assert!(next.is_err(), "{next:?}");
    }
}

/// Checks that the source delivers nothing more.
async fn read_until_lag_is_zero(source: &mut KafkaEventSource) {
    let deadline = Instant::now() + TEST_TIMEOUT;
    while source.lag() != Some(0) {
        assert!(Instant::now() < deadline, "{:?}", source.lag());
        let next = tokio::time::timeout(Duration::from_millis(50), source.next()).await;
        assert!(next.is_err(), "{next:?}");
    }
}

/// Transaction markers have offsets, too, and no record follows them.
#[tokio::test(flavor = "multi_thread")]
async fn lag_is_zero_behind_transaction_markers() {
    let topic = unique_prefix();
    create_topic(&config(), &topic, 1).await;
    let name = topic.clone();
    let write = tokio::task::spawn_blocking(move || {
        let mut config = config();
        config.set("transactional.id", &name);
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(TEST_TIMEOUT).unwrap();
        for is_committed in [true, false] {
            producer.begin_transaction().unwrap();
            producer.send(BaseRecord::<(), _>::to(&name).payload(EVENT)).unwrap();
            producer.flush(TEST_TIMEOUT).unwrap();
            match is_committed {
                true => producer.commit_transaction(TEST_TIMEOUT).unwrap(),
                false => producer.abort_transaction(TEST_TIMEOUT).unwrap(),
            }
        }
    });
    in_time(write).await.unwrap();
    let mut config = config();
    config.set("statistics.interval.ms", "50");
    // The last group starts at its committed offset, behind which there is no record.
    for (group, count) in [(None, 1), (Some(&*topic), 1), (Some(&*topic), 0)] {
        let mut builder = KafkaEventSource::builder(config.clone()).topic(topic.as_str());
        if let Some(group) = group {
            builder = builder.group(group);
        }
        let mut source = in_time(builder.build()).await.unwrap();
        if count > 0 {
            let delivery = next_delivery(&mut source).await;
            let state = source.state().clone();
            let fetched = wait_until("all is fetched", TEST_TIMEOUT, async || {
                let statistics = state.statistics();
                let topic = statistics.as_ref().and_then(|statistics| statistics.topics.get(&topic));
                topic.is_some_and(|topic| topic.partitions[&0].next_offset == 4)
            });
            tokio::select! {
                () = fetched => {}
                next = source.next() => panic!("{next:?}"),
            }
            if group.is_some() {
                assert_eq!(source.lag(), Some(3), "as long as the record is not settled");
            }
            delivery.ack().await.unwrap();
        }
        read_until_lag_is_zero(&mut source).await;
        in_time(source.close()).await.unwrap();
    }
}

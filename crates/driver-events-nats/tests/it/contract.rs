//! The wire format as a plain client sees it: subjects, payloads and headers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use async_nats::{Client, Message, Subscriber};
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, DriverEventSource, Envelope, EventId, SinkErrorKind, Stamp};
use driver_events_nats::{NatsEventSink, NatsEventSource};
use driver_events_types::{DriverEvent, EventKind, GoalId};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::support::{Reader, TIMEOUT, client, options, server};

pub(crate) fn fixture(name: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../driver-events-types/tests/fixtures");
    let text = fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(String::from).collect()
}

async fn listen(client: &Client, subject: &str) -> Subscriber {
    let subscriber = client.subscribe(subject.to_owned()).await.unwrap();
    // A message to our own subject arrives after the server has the subscription.
    let inbox = client.new_inbox();
    let request = async_nats::Request::new().inbox(inbox.clone());
    client.send_request(inbox, request).await.unwrap();
    subscriber
}

async fn next(subscriber: &mut Subscriber) -> Message {
    let message = timeout(TIMEOUT, subscriber.next()).await;
    message
        .expect("no message within the timeout")
        .expect("the subscription ended")
}

fn headers_of(message: &Message) -> BTreeMap<String, Vec<String>> {
    let headers = message.headers.as_ref().expect("the message has headers");
    let text = |value: &HeaderValue| value.as_str().to_owned();
    headers
        .iter()
        .map(|(name, values)| (name.to_string(), values.iter().map(text).collect()))
        .collect()
}

#[tokio::test]
async fn fixtures_round_trip_byte_for_byte() {
    let server = server();
    let mut subscriber = listen(&client(&server).await, "agent.driver.>").await;
    let mut reader = Reader::start(&server, None).await;
    let with_headers = NatsEventSink::new(client(&server).await);
    let bare = NatsEventSink::builder()
        .options(options(&server))
        .bare()
        .build()
        .await
        .unwrap();
    let mut kinds = BTreeMap::<_, usize>::new();
    for (name, count) in [("goal-run.ndjson", 44), ("upstream-events.ndjson", 157)] {
        let lines = fixture(name);
        assert_eq!(lines.len(), count);
        for sink in [&with_headers, &bare] {
            for line in &lines {
                let event = DriverEvent::from_json(line.as_bytes()).unwrap();
                *kinds.entry(event.kind().as_str()).or_default() += 1;
                sink.publish(event).await.unwrap();
            }
            sink.flush().await.unwrap();
            let read = reader.read_all().await;
            assert_eq!(read.len(), lines.len());
            for (line, envelope) in lines.iter().zip(&read) {
                assert_eq!(envelope.json().unwrap(), line.as_bytes());
                let message = next(&mut subscriber).await;
                assert_eq!(message.payload, line.as_bytes());
                assert_eq!(Some(message.subject.as_str()), envelope.subject());
                assert_eq!(message.headers.is_none(), std::ptr::eq(sink, &bare));
            }
            // The marker of `read_all`.
            next(&mut subscriber).await;
        }
    }
    assert_eq!(kinds.len(), EventKind::ALL.len(), "not every kind was sent: {kinds:?}");
}

#[tokio::test]
async fn headers_match_the_documented_table() {
    let server = server();
    let mut subscriber = listen(&client(&server).await, "tenant-7.agent.driver.escalate").await;
    let sink = NatsEventSink::builder()
        .options(options(&server))
        .prefix("tenant-7")
        .build()
        .await
        .unwrap();
    let json = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
    let envelope = Envelope::from_json(json)
        .unwrap()
        .with_id(EventId::new("an id/ü%").unwrap())
        .with_source("urn:example:a%20b")
        .and_then(|envelope| envelope.with_time("2026-01-01T00:00:00.5Z".parse().unwrap()))
        .and_then(|envelope| {
            envelope.with_stamp(Stamp {
                run: "run \"1\"".into(),
                sequence: 7,
            })
        })
        .and_then(|envelope| envelope.with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        .unwrap();
    sink.send(envelope).await.unwrap();
    let message = next(&mut subscriber).await;
    assert_eq!(message.payload, json.as_bytes());
    let expected = [
        (
            "Nats-Msg-Id",
            "driver-events an%20id/%C3%BC%25 urn:example:a%2520b tenant-7",
        ),
        ("ce-datacontenttype", "application/json"),
        ("ce-id", "an%20id/%C3%BC%25"),
        ("ce-partitionkey", "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01"),
        ("ce-producerrun", "run%20%221%22"),
        ("ce-sequence", "00000000000000000007"),
        ("ce-source", "urn:example:a%2520b"),
        ("ce-specversion", "1.0"),
        ("ce-subject", "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01"),
        ("ce-time", "2026-01-01T00:00:00.500Z"),
        (
            "ce-traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("ce-type", "agent.driver.escalate"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
    assert_eq!(headers_of(&message), BTreeMap::from(expected));
}

#[tokio::test]
async fn unset_attributes_have_no_header() {
    let server = server();
    let mut subscriber = listen(&client(&server).await, "agent.driver.>").await;
    let sink = NatsEventSink::new(client(&server).await);
    sink.send(
        samples::unknown_kind(GoalId::new())
            .with_event_type("agent.driver.goal.paused")
            .unwrap(),
    )
    .await
    .unwrap();
    let headers = headers_of(&next(&mut subscriber).await);
    for absent in ["ce-time", "ce-sequence", "ce-producerrun", "ce-traceparent"] {
        assert!(!headers.contains_key(absent), "{absent}");
    }
    assert_eq!(headers["ce-source"], ["urn:driver-events:unset"]);
}

/// `HeaderMap::insert` panics on a line ending, and an unescaped line ending would inject a header.
#[tokio::test]
async fn hostile_texts_cannot_inject_headers() {
    let server = server();
    let mut reader = Reader::start(&server, None).await;
    let sink = NatsEventSink::new(client(&server).await);
    let mut sent = Vec::new();
    for (text, number) in samples::hostile_texts().into_iter().zip(0..) {
        let envelope = Envelope::new(samples::numbered(samples::goal(1), number));
        // Setting an attribute rejects control characters; all other text must round-trip.
        let Ok(id) = EventId::new(text.clone()) else { continue };
        let stamp = Stamp {
            run: text.into(),
            sequence: u64::MAX,
        };
        let envelope = envelope.with_id(id).with_stamp(stamp).unwrap();
        sink.send(envelope.clone()).await.unwrap();
        sent.push(envelope);
    }
    assert!(sent.len() > 5, "{}", sent.len());
    sink.flush().await.unwrap();
    let read = reader.read_all().await;
    assert_eq!(read.len(), sent.len());
    for (sent, read) in sent.iter().zip(&read) {
        assert_eq!((sent.id(), sent.stamp()), (read.id(), read.stamp()));
    }
}

#[tokio::test]
async fn injected_subject_is_rejected() {
    let server = server();
    let mut everything = listen(&client(&server).await, ">").await;
    let sink = NatsEventSink::builder()
        .options(options(&server))
        .build()
        .await
        .unwrap();
    let hostile = [
        "$JS.API.STREAM.DELETE.DRIVER",
        "agent.driver.>",
        "agent.driver.a b",
        "agent.driver.a..b",
        "other",
    ];
    for event_type in hostile {
        let envelope = samples::unknown_kind(samples::goal(1))
            .with_event_type(event_type)
            .unwrap();
        let error = sink.send(envelope).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Rejected, "{event_type}");
    }
    let last = samples::numbered(samples::goal(1), 1);
    sink.publish(last.clone()).await.unwrap();
    let mut subject = next(&mut everything).await.subject;
    while subject.starts_with("_INBOX.") {
        subject = next(&mut everything).await.subject;
    }
    assert_eq!(subject.as_str(), last.nats_subject());
}

/// The deliveries of messages of other publishers, in order.
#[tokio::test]
async fn messages_of_other_publishers_are_delivered() {
    let server = server();
    let publisher = client(&server).await;
    let mut source = NatsEventSource::new(client(&server).await).await.unwrap();
    let json = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
    let publish = async |subject: &'static str, headers: &[(&str, &str)], payload: &str| {
        let payload = payload.to_owned().into();
        if headers.is_empty() {
            publisher.publish(subject, payload).await.unwrap();
            return;
        }
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<HeaderName>().unwrap(),
                    value.parse::<HeaderValue>().unwrap(),
                )
            })
            .collect();
        publisher.publish_with_headers(subject, headers, payload).await.unwrap();
    };
    let escalate = "agent.driver.escalate";
    publish(escalate, &[], json).await;
    publish(escalate, &[("Nats-Msg-Id", "100% from%202024")], json).await;
    publish("agent.driver.goal.paused", &[], r#"{"kind":"goal_paused"}"#).await;
    publish(
        escalate,
        &[
            ("Ce-Id", "\"quoted \\\"id\\\"\""),
            ("CE-Source", "/x"),
            ("ce-foo", "bar"),
        ],
        json,
    )
    .await;
    let structured = format!(r#"{{"specversion":"1.0","id":"7","source":"/y","type":"{escalate}","data":{json}}}"#);
    publish(
        escalate,
        &[("Content-Type", "application/CloudEvents+json; charset=utf-8")],
        &structured,
    )
    .await;

    publish(escalate, &[], r#"{"kind":"escalate","reason":"x"}"#).await;
    publish(escalate, &[("ce-specversion", "1.0"), ("ce-time", "yesterday")], json).await;
    publish(escalate, &[("ce-source", "%C0%A0")], json).await;
    publish(escalate, &[], "no JSON").await;
    publish(escalate, &[], json).await;

    let mut next = async || timeout(TIMEOUT, source.next()).await.unwrap().unwrap().unwrap();
    let bare = next().await;
    assert_eq!(bare.envelope().unwrap().json().unwrap(), json.as_bytes());
    assert_eq!(bare.position().to_string(), "agent.driver.escalate#1");
    assert_eq!(next().await.envelope().unwrap().id().as_str(), "100% from 2024");
    let unknown = next().await;
    assert_eq!(unknown.envelope().unwrap().subject(), Some("agent.driver.goal.paused"));
    let foreign = next().await;
    let foreign = foreign.envelope().unwrap();
    assert_eq!((foreign.id().as_str(), foreign.source()), ("quoted \"id\"", "/x"));
    let structured = next().await;
    let structured = structured.envelope().unwrap();
    assert_eq!((structured.id().as_str(), structured.source()), ("7", "/y"));
    assert_eq!(structured.json().unwrap(), json.as_bytes());

    for reason in ["goal_id", "time", "source", "expected"] {
        let malformed = next().await;
        let message = malformed.envelope().unwrap_err().reason().to_owned();
        assert!(message.contains(reason), "{reason}: {message}");
    }
    let last = next().await;
    assert!(last.envelope().is_ok());
    assert_eq!(last.position().to_string(), "agent.driver.escalate#10");
    // An ack has no effect and is no error.
    bare.ack().await.unwrap();
    last.nack(Duration::ZERO).await.unwrap();
}

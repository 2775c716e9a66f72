//! What streams contain besides events, attributes that are empty or repeated, and dead letters that do not fit.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::stream::{Config, RetentionPolicy, Source, SubjectTransform};
use driver_events_core::DriverEventSource;
use driver_events_harness::{RawNatsClient, wait_until};
use driver_events_nats::{JetStreamEventSource, NatsEventSource, SetupErrorKind};

use crate::jetstream_reading::{assert_idle, ids, ids_of, next, numbered, quick, reader, sequence, store};
use crate::jetstream_support::{
    STREAM, create_stream, default_config, jetstream_server, read_stream, server_with_stream,
};
use crate::support::{TIMEOUT, client, in_time, options};

const CONSUMER: &str = "audit";
const EVENT: &str = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn delete_markers_are_passed_over() {
    let server = jetstream_server();
    let client = client(&server).await;
    let config = Config {
        allow_message_ttl: true,
        subject_delete_marker_ttl: Some(Duration::from_secs(60)),
        max_age: Duration::from_secs(1),
        ..default_config()
    };
    create_stream(&client, config).await;
    let mut core = NatsEventSource::builder()
        .options(options(&server))
        .build()
        .await
        .unwrap();
    let mut raw = RawNatsClient::connect(server.client_address()).unwrap();
    raw.publish(b"agent.driver.escalate", EVENT.as_bytes()).unwrap();
    raw.flush().unwrap();
    assert!(in_time(core.next()).await.unwrap().unwrap().envelope().is_ok());
    let builder = || reader(&server).durable(CONSUMER);
    let mut sources = [reader(&server).build().await.unwrap(), builder().build().await.unwrap()];
    for source in &mut sources {
        let delivery = next(source).await;
        assert!(delivery.envelope().is_ok());
        delivery.ack().await.unwrap();
    }
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    wait_until("the server has written a marker", TIMEOUT, async || {
        let marker = stream.get_last_raw_message_by_subject("agent.driver.escalate").await;
        marker.is_ok_and(|marker| marker.headers.get("Nats-Marker-Reason").is_some())
    })
    .await;
    for source in &mut sources {
        assert_idle(source).await;
    }
}

/// Counters, key-value markers and schedules. An event that is stored between them is read, as is what a schedule produces.
#[tokio::test(flavor = "multi_thread")]
async fn counters_markers_and_schedules_are_passed_over() {
    let headers = |lines: &str| format!("NATS/1.0\r\n{lines}\r\n\r\n").into_bytes();
    let counters = Config {
        allow_message_counter: true,
        ..default_config()
    };
    let schedules = Config {
        allow_message_schedules: true,
        ..default_config()
    };
    let schedule = "Nats-Schedule: @at 2020-01-01T00:00:00Z\r\nNats-Schedule-Target: agent.driver.escalate";
    // Stream, what is stored, and the number of events among it.
    let cases = [
        (counters, vec![("Nats-Incr: 1", ""), ("Nats-Incr: -2", "")], 0),
        (
            default_config(),
            vec![
                ("KV-Operation: DEL", ""),
                ("X-Ours: 1", EVENT),
                ("KV-Operation: PURGE", ""),
                ("Nats-Marker-Reason: Remove", ""),
                ("KV-Operation: PUT", EVENT),
            ],
            2,
        ),
        (schedules, vec![(schedule, EVENT)], 1),
    ];
    for (config, messages, events) in cases {
        let server = jetstream_server();
        let client = client(&server).await;
        create_stream(&client, config).await;
        let durable = reader(&server).durable(CONSUMER);
        let mut sources = [reader(&server).build().await.unwrap(), durable.build().await.unwrap()];
        let mut raw = RawNatsClient::connect(server.client_address()).unwrap();
        for (lines, payload) in &messages {
            raw.publish_with_headers(b"agent.driver.goal_paused", &headers(lines), payload.as_bytes())
                .unwrap();
        }
        raw.flush().unwrap();
        let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
        wait_until("the stream has stored the messages", TIMEOUT, async || {
            stream.get_info().await.unwrap().state.last_sequence >= messages.len() as u64
        })
        .await;
        for source in &mut sources {
            for _ in 0..events {
                let delivery = next(source).await;
                assert!(delivery.envelope().is_ok(), "{messages:?}: {:?}", delivery.envelope());
                delivery.ack().await.unwrap();
            }
            assert_idle(source).await;
        }
    }
}

#[tokio::test]
async fn source_says_that_the_stream_renames_its_subjects() {
    let server = jetstream_server();
    let client = client(&server).await;
    let renames = |destination: &str| SubjectTransform {
        source: "agent.driver.>".into(),
        destination: destination.into(),
    };
    let config = Config {
        subject_transform: Some(renames("renamed.agent.driver.>")),
        ..default_config()
    };
    create_stream(&client, config).await;
    let error = reader(&server).build().await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Incompatible, "{error}");
    assert!(error.to_string().contains("renamed.agent.driver.>"), "{error}");
    reader(&server).prefix("renamed").build().await.unwrap();
    let mirror = Config {
        name: "MIRROR".into(),
        mirror: Some(Source {
            name: STREAM.into(),
            subject_transforms: vec![SubjectTransform {
                source: "renamed.>".into(),
                destination: "again.>".into(),
            }],
            ..Default::default()
        }),
        ..Default::default()
    };
    create_stream(&client, mirror).await;
    let builder = |prefix: &str| {
        JetStreamEventSource::builder("MIRROR")
            .options(quick(options(&server)))
            .prefix(prefix)
    };
    let error = builder("renamed").build().await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Incompatible, "{error}");
    builder("again").build().await.unwrap();
    // Without a destination, a transform only selects.
    let selected = Config {
        name: "SELECTED".into(),
        sources: Some(vec![Source {
            name: STREAM.into(),
            subject_transforms: ["renamed.agent.driver.escalate", "renamed.agent.driver.goal.>"]
                .map(|source| SubjectTransform {
                    source: source.into(),
                    destination: String::new(),
                })
                .into(),
            ..Default::default()
        }]),
        ..Default::default()
    };
    create_stream(&client, selected).await;
    let selected = JetStreamEventSource::builder("SELECTED").options(quick(options(&server)));
    selected.prefix("renamed").build().await.unwrap();
}

#[tokio::test]
async fn work_queue_and_interest_streams_need_a_durable_consumer() {
    for retention in [RetentionPolicy::WorkQueue, RetentionPolicy::Interest] {
        let server = jetstream_server();
        let client = client(&server).await;
        let config = Config {
            retention,
            ..default_config()
        };
        create_stream(&client, config).await;
        let error = reader(&server).build().await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Incompatible, "{error}");
        assert!(error.to_string().contains("durable"), "{error}");
        let mut source = reader(&server).durable(CONSUMER).build().await.unwrap();
        let envelopes = numbered(1, 0..1);
        store(&client, &envelopes).await;
        assert_eq!(ids(&mut source, 1).await, ids_of(&envelopes));
    }
}

/// Absent, empty and repeated attributes are different things.
#[tokio::test(flavor = "multi_thread")]
async fn empty_and_repeated_attributes_are_malformed() {
    let (server, _client) = server_with_stream().await;
    let cases = [
        ("", None),
        ("X-Empty:\r\n", None),
        ("ce-id: 1\r\nce-id: 1\r\n", None),
        ("ce-id: 1\r\nCE-ID: 1\r\n", None),
        ("ce-traceparent:\r\n", None),
        ("ce-tracestate:\r\n", None),
        ("Nats-Msg-Id: \r\n", None),
        ("ce-id:\r\n", Some("id")),
        ("ce-id:   \r\n", Some("id")),
        ("ce-source:\r\n", Some("source")),
        ("ce-type:\r\n", Some("type")),
        ("ce-time:\r\n", Some("time")),
        ("ce-specversion:\r\n", Some("specversion")),
        ("ce-sequence:\r\nce-producerrun: a\r\n", Some("sequence")),
        ("ce-producerrun:\r\nce-sequence: 1\r\n", Some("producerrun")),
        ("ce-id: 1\r\nce-id: 2\r\n", Some("several values")),
        ("ce-id: 1\r\nCe-Id: 2\r\n", Some("several values")),
    ];
    let mut raw = RawNatsClient::connect(server.client_address()).unwrap();
    for (headers, _) in cases {
        let headers = format!("NATS/1.0\r\n{headers}\r\n");
        raw.publish_with_headers(b"agent.driver.escalate", headers.as_bytes(), EVENT.as_bytes())
            .unwrap();
    }
    raw.flush().unwrap();
    let mut source = reader(&server).build().await.unwrap();
    for (index, (headers, reason)) in cases.into_iter().enumerate() {
        let delivery = next(&mut source).await;
        assert_eq!(sequence(&delivery), index as u64 + 1);
        match (delivery.envelope(), reason) {
            (Ok(_), None) => {}
            (Err(malformed), Some(reason)) => assert!(malformed.reason().contains(reason), "{headers:?}: {malformed}"),
            (found, _) => panic!("{headers:?}: {found:?}"),
        }
    }
}

/// A message that is too large with the headers of a dead letter, for the server or for the stream.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_that_is_too_large_is_a_description() {
    let (server, client) = server_with_stream().await;
    for (name, max_message_size) in [("DEAD", -1), ("SMALL", 1_000)] {
        let config = Config {
            name: name.into(),
            subjects: vec![format!("{}.>", name.to_lowercase())],
            max_message_size,
            ..Default::default()
        };
        create_stream(&client, config).await;
    }
    let payload = vec![b'x'; 1 << 20];
    let mut raw = RawNatsClient::connect(server.client_address()).unwrap();
    raw.publish(b"agent.driver.escalate", &payload).unwrap();
    raw.flush().unwrap();
    for (name, subject) in [("DEAD", "dead.driver"), ("SMALL", "small.driver")] {
        let mut source = reader(&server)
            .durable(name)
            .dead_letters(subject)
            .build()
            .await
            .unwrap();
        in_time(next(&mut source).await.reject(&"long ".repeat(100)))
            .await
            .unwrap();
        let letters = read_stream(&client, name).await;
        let [letter] = letters.as_slice() else {
            panic!("{letters:?}")
        };
        let description: serde_json::Value = serde_json::from_slice(&letter.payload).unwrap();
        assert_eq!(description["stream"], STREAM);
        assert_eq!(description["sequence"], 1);
        assert_eq!(description["length"], 1 << 20);
        assert_eq!(
            description["sha256"],
            "8f990ba0b577b51cf009ea049368c16bbda1b21e1b93be07a824758bb253c39b"
        );
        assert_eq!(
            letter
                .headers
                .as_ref()
                .unwrap()
                .get("Dead-Letter-Subject")
                .unwrap()
                .as_str(),
            "agent.driver.escalate"
        );
    }
}

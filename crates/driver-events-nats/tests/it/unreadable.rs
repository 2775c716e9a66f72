//! Messages that async-nats cannot read: sources step over them, and other users of the connection go on.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::stream::Config;
use driver_events_core::{Delivery, DriverEventSink, DriverEventSource, SourceErrorKind};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser, RawNatsClient, wait_until};
use driver_events_nats::{JetStreamEventSink, JetStreamEventSource, NatsEventSource, StreamSettings, ensure_stream};

use crate::jetstream_reading::{assert_idle, ids, ids_of, next, numbered, quick, reader, sequence, store};
use crate::jetstream_support::{STREAM, create_stream, percent_decode, read_stream, server_with_stream};
use crate::support::{TIMEOUT, in_time, options};

const CONSUMER: &str = "audit";
const SUBJECT: &[u8] = b"agent.driver.escalate";
const EVENT: &[u8] = br#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;

/// One block of headers for each way in which async-nats fails.
const HEADERS: [&[u8]; 8] = [
    b"NATS/1.0\r\nX-Author:Jos\xe9\r\n\r\n",
    b"NATS/1.0\r\nX Author: a\r\n\r\n",
    b"NATS/1.0\r\nno colon\r\n\r\n",
    b"NATS/1.0\r\nX\xe9: a\r\n\r\n",
    b"NATS/1.0\r\nX-Author: a\r\n \x0bx\r\n\xc3\xa9: b\r\n\r\n",
    b"NATS/7.0\r\n\r\n",
    // Here the client panics.
    b"NATS/1.0\r\nX-Author: a\rb\r\n\r\n",
    b"\xff\r\n\r\n",
];

fn raw(server: &NatsServer) -> RawNatsClient {
    RawNatsClient::connect(server.client_address()).unwrap()
}

/// Publishes one message of each kind, also one whose subject is not UTF-8. Returns their number.
fn publish_unreadable(server: &NatsServer) -> u64 {
    let mut raw = raw(server);
    for headers in HEADERS {
        raw.publish_with_headers(SUBJECT, headers, EVENT).unwrap();
    }
    raw.publish(b"agent.driver.\xff", EVENT).unwrap();
    raw.flush().unwrap();
    9
}

fn assert_unreadable(delivery: &Delivery, expected: u64) {
    assert_eq!(sequence(delivery), expected);
    let malformed = delivery.envelope().unwrap_err();
    assert!(malformed.reason().contains("client cannot read"), "{malformed}");
    assert_eq!(malformed.raw(), EVENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn ephemeral_source_steps_over_unreadable_messages() {
    let (server, client) = server_with_stream().await;
    let before = numbered(1, 0..5);
    store(&client, &before).await;
    let count = publish_unreadable(&server);
    let after = numbered(1, 5..10);
    store(&client, &after).await;
    let mut source = reader(&server).build().await.unwrap();
    assert_eq!(ids(&mut source, 5).await, ids_of(&before));
    for number in 0..count {
        let delivery = next(&mut source).await;
        assert_unreadable(&delivery, 6 + number);
    }
    assert_eq!(ids(&mut source, 5).await, ids_of(&after));
    assert_idle(&mut source).await;
    let connection = source.connection().unwrap();
    assert!(connection.reconnects() <= 2, "{connection:?}");
    let error = connection.last_error().unwrap();
    assert!(
        error.contains("of stream `DRIVER`: the NATS client cannot read"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn durable_source_steps_over_unreadable_messages() {
    let (server, client) = server_with_stream().await;
    let before = numbered(1, 0..5);
    store(&client, &before).await;
    let count = publish_unreadable(&server);
    let after = numbered(1, 5..10);
    store(&client, &after).await;
    for max_in_flight in [1, 1_024] {
        let name = format!("{CONSUMER}-{max_in_flight}");
        let builder = reader(&server).durable(&name).max_in_flight(max_in_flight);
        let mut source = builder.build().await.unwrap();
        assert_eq!(ids(&mut source, 5).await, ids_of(&before));
        for number in 0..count {
            let delivery = next(&mut source).await;
            assert_unreadable(&delivery, 6 + number);
            match number % 2 {
                0 => delivery.reject("unreadable").await.unwrap(),
                _ => delivery.ack().await.unwrap(),
            }
        }
        assert_eq!(
            ids(&mut source, 5).await,
            ids_of(&after),
            "in order, without the ack wait"
        );
        let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
        wait_until("all deliveries are settled", TIMEOUT, async || {
            let info = stream.consumer_info(&name).await.unwrap();
            (info.num_ack_pending, info.num_pending) == (0, 0)
        })
        .await;
        let reconnects = source.connection().unwrap().reconnects();
        assert!(reconnects <= count, "{reconnects}");
    }
}

/// The consumer's first message is unreadable, and the source has read nothing before.
#[tokio::test(flavor = "multi_thread")]
async fn nacked_unreadable_message_is_delivered_again() {
    let (server, client) = server_with_stream().await;
    raw(&server).publish_with_headers(SUBJECT, HEADERS[0], EVENT).unwrap();
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    wait_until("the message is stored", TIMEOUT, async || {
        stream.get_info().await.unwrap().state.messages == 1
    })
    .await;
    let builder = reader(&server).durable(CONSUMER).max_in_flight(1);
    let mut source = builder.ack_wait(Duration::from_secs(1)).build().await.unwrap();
    let delivery = next(&mut source).await;
    assert_unreadable(&delivery, 1);
    delivery.nack(Duration::from_millis(200)).await.unwrap();
    let unsettled = next(&mut source).await;
    assert_unreadable(&unsettled, 1);
    let delivery = next(&mut source).await;
    assert_unreadable(&delivery, 1);
    delivery.reject("no").await.unwrap();
    let after = numbered(1, 0..1);
    store(&client, &after).await;
    assert_eq!(ids(&mut source, 1).await, ids_of(&after));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_of_an_unreadable_message_has_its_bytes() {
    let (server, client) = server_with_stream().await;
    let config = Config {
        name: "DEAD".into(),
        subjects: vec!["dead.>".into()],
        ..Default::default()
    };
    create_stream(&client, config).await;
    let headers = b"NATS/1.0\r\nX-Author: Jos\xe9\r\nX-Team: core\r\nX Y: 1\r\nNats-Msg-Id: 7\r\nNats-Expected-Stream: DRIVER\r\n\r\n";
    let mut raw = raw(&server);
    raw.publish_with_headers(SUBJECT, headers, EVENT).unwrap();
    raw.flush().unwrap();
    let builder = reader(&server).durable(CONSUMER).dead_letters("dead.driver");
    let mut source = builder.build().await.unwrap();
    next(&mut source).await.reject("not readable").await.unwrap();
    let letters = read_stream(&client, "DEAD").await;
    let [letter] = letters.as_slice() else {
        panic!("{letters:?}")
    };
    assert_eq!(letter.payload, EVENT);
    let headers = letter.headers.as_ref().unwrap();
    let header = |name: &str| headers.get(name).map(|value| percent_decode(value.as_str()));
    assert_eq!(header("Dead-Letter-Subject").as_deref(), Some("agent.driver.escalate"));
    assert_eq!(header("Dead-Letter-Reason").as_deref(), Some("not readable"));
    assert_eq!(headers.get("X-Author").unwrap().as_str(), "Jos%E9");
    assert_eq!(header("X-Team").as_deref(), Some("core"));
    assert_eq!(header("Dead-Letter-Nats-Msg-Id").as_deref(), Some("7"));
    assert_eq!((header("Nats-Expected-Stream"), header("Nats-Msg-Id")), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_unreadable_messages_among_events_are_each_reported() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(3, 0..300);
    let mut raw = raw(&server);
    for (number, events) in envelopes.chunks(3).enumerate() {
        store(&client, events).await;
        raw.publish_with_headers(SUBJECT, HEADERS[number % HEADERS.len()], EVENT)
            .unwrap();
        raw.flush().unwrap();
    }
    for durable in [None, Some(CONSUMER)] {
        let builder = reader(&server);
        let builder = match durable {
            Some(name) => builder.durable(name),
            None => builder,
        };
        let mut source = builder.build().await.unwrap();
        let (mut read, mut unreadable) = (Vec::new(), Vec::new());
        while read.len() < 300 || unreadable.len() < 100 {
            let delivery = next(&mut source).await;
            match delivery.envelope() {
                Ok(envelope) => {
                    read.push(envelope.id().to_string());
                    delivery.ack().await.unwrap();
                }
                Err(_) => {
                    unreadable.push(sequence(&delivery));
                    delivery.reject("unreadable").await.unwrap();
                }
            }
        }
        assert_idle(&mut source).await;
        let expected = ids_of(&envelopes);
        let first_difference = read.iter().zip(&expected).position(|(read, expected)| read != expected);
        assert_eq!(
            (read.len(), first_difference),
            (300, None),
            "every event once, in order"
        );
        unreadable.sort_unstable();
        assert_eq!(unreadable, (1..=100).map(|number| number * 4).collect::<Vec<u64>>());
        let reconnects = source.connection().unwrap().reconnects();
        assert!(reconnects <= 100, "{reconnects}");
    }
}

/// They are stepped over together, not by one reconnect each, also by the client that panics at each.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_unreadable_messages_in_a_row() {
    let (server, client) = server_with_stream().await;
    let mut raw = raw(&server);
    for number in 0..1_000 {
        raw.publish_with_headers(SUBJECT, HEADERS[number % HEADERS.len()], EVENT)
            .unwrap();
    }
    raw.flush().unwrap();
    let after = numbered(1, 0..1);
    store(&client, &after).await;
    for durable in [None, Some(CONSUMER)] {
        let builder = reader(&server);
        let builder = match durable {
            Some(name) => builder.durable(name),
            None => builder,
        };
        let mut source = builder.build().await.unwrap();
        for expected in 1..=1_000 {
            let delivery = tokio::time::timeout(TIMEOUT, source.next()).await;
            let delivery = delivery
                .unwrap_or_else(|_| panic!("{durable:?} {expected} {source:?}"))
                .unwrap()
                .unwrap();
            assert_unreadable(&delivery, expected);
            delivery.reject("unreadable").await.unwrap();
        }
        assert_eq!(ids(&mut source, 1).await, ids_of(&after));
        let reconnects = source.connection().unwrap().reconnects();
        assert!(reconnects <= 100, "{reconnects}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn group_reads_past_unreadable_messages() {
    let (server, client) = server_with_stream().await;
    let envelopes = numbered(3, 0..60);
    let mut raw = raw(&server);
    for (number, events) in envelopes.chunks(3).enumerate() {
        store(&client, events).await;
        raw.publish_with_headers(SUBJECT, HEADERS[number % HEADERS.len()], EVENT)
            .unwrap();
        raw.flush().unwrap();
    }
    let member = async || {
        let builder = reader(&server).durable(CONSUMER).ack_wait(Duration::from_secs(1));
        builder.build().await.unwrap()
    };
    let (mut one, mut two) = (member().await, member().await);
    let read = async |source: &mut JetStreamEventSource| {
        loop {
            let delivery = source.next().await.unwrap().unwrap();
            match delivery.envelope() {
                Ok(_) => delivery.ack().await.unwrap(),
                Err(_) => delivery.reject("unreadable").await.unwrap(),
            }
        }
    };
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    let settled = wait_until("all deliveries are settled", TIMEOUT, async || {
        let info = stream.consumer_info(CONSUMER).await.unwrap();
        (info.num_ack_pending, info.num_pending) == (0, 0)
    });
    tokio::select! {
        () = settled => {}
        () = read(&mut one) => {}
        () = read(&mut two) => {}
    }
}

/// A shared connection loses at most one reconnect for each message, whatever happens to its client.
#[tokio::test(flavor = "multi_thread")]
async fn other_users_of_a_connection_go_on() {
    let (server, client) = server_with_stream().await;
    let connection = quick(options(&server)).connect().await.unwrap();
    let sink = JetStreamEventSink::builder(STREAM)
        .connection(connection.clone())
        .build()
        .await
        .unwrap();
    let mut core = NatsEventSource::builder()
        .connection(connection.clone())
        .build()
        .await
        .unwrap();
    for headers in [HEADERS[0], HEADERS[6]] {
        let epoch = connection.reconnects();
        let mut raw = raw(&server);
        raw.publish_with_headers(SUBJECT, headers, EVENT).unwrap();
        raw.flush().unwrap();
        let error = in_time(core.next()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
        wait_until("the connection is up", TIMEOUT, async || {
            connection.reconnects() == epoch + 1 && connection.is_connected()
        })
        .await;
        let envelopes = numbered(1, 0..3);
        for envelope in &envelopes {
            in_time(sink.send(envelope.clone())).await.unwrap();
        }
        for expected in ids_of(&envelopes) {
            let delivery = in_time(core.next()).await.unwrap().unwrap();
            assert_eq!(delivery.envelope().unwrap().id().as_str(), expected);
        }
        assert!(connection.last_error().is_some());
    }
    let stored = read_stored_count(&client).await;
    assert_eq!(stored, 8);
}

async fn read_stored_count(client: &async_nats::Client) -> u64 {
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    stream.get_info().await.unwrap().state.messages
}

/// The status line is the publisher's, and no message of the server.
#[tokio::test(flavor = "multi_thread")]
async fn status_of_a_stored_message_does_not_end_the_source() {
    let (server, client) = server_with_stream().await;
    let mut raw = raw(&server);
    for status in [
        "409 Consumer Deleted",
        "400 Bad Request",
        "503",
        "100 Idle Heartbeat",
        "404 No Messages",
    ] {
        let headers = format!("NATS/1.0 {status}\r\n\r\n");
        raw.publish_with_headers(SUBJECT, headers.as_bytes(), EVENT).unwrap();
    }
    raw.flush().unwrap();
    let after = numbered(1, 0..1);
    store(&client, &after).await;
    for durable in [None, Some(CONSUMER)] {
        let builder = reader(&server);
        let builder = match durable {
            Some(name) => builder.durable(name),
            None => builder,
        };
        let mut source = builder.build().await.unwrap();
        for number in 1..=5 {
            let delivery = next(&mut source).await;
            assert_eq!(sequence(&delivery), number);
            assert!(delivery.envelope().is_ok());
            delivery.ack().await.unwrap();
        }
        assert_eq!(ids(&mut source, 1).await, ids_of(&after));
    }
}

/// Without the permission to look messages up the source says so.
#[tokio::test(flavor = "multi_thread")]
async fn missing_permission_to_look_messages_up_is_reported() {
    let denied = NatsUser::with_password("reader", "s3cret").may_not_publish(&["$JS.API.STREAM.MSG.GET.>"]);
    let config = NatsConfig::new()
        .jetstream()
        .user(NatsUser::with_password("admin", "s3cret"))
        .user(denied);
    let server = NatsServer::start(config).unwrap();
    let admin = async_nats::ConnectOptions::with_user_and_password("admin".into(), "s3cret".into());
    let admin = admin.connect(server.client_url()).await.unwrap();
    ensure_stream(&admin, &StreamSettings::new(STREAM)).await.unwrap();
    let mut raw = RawNatsClient::connect_as(server.client_address(), "admin", "s3cret").unwrap();
    raw.publish_with_headers(SUBJECT, HEADERS[0], EVENT).unwrap();
    raw.flush().unwrap();
    let options = quick(options(&server)).user_and_password("reader", "s3cret");
    let mut source = JetStreamEventSource::builder(STREAM)
        .options(options)
        .build()
        .await
        .unwrap();
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Unauthorized, "{error}");
    assert!(
        format!("{error:?}").contains("$JS.API.STREAM.MSG.GET.DRIVER"),
        "{error:?}"
    );
    let connection = source.connection().unwrap();
    assert!(
        connection
            .last_error()
            .unwrap()
            .contains("$JS.API.STREAM.MSG.GET.DRIVER")
    );
    let reconnects = connection.reconnects();
    assert!(reconnects <= 4, "{reconnects}");
}

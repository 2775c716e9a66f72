//! Dead letters that the server or the stream refuses.

use std::time::Duration;

use async_nats::jetstream::stream::Config;
use driver_events_core::{DriverEventSource, SourceErrorKind};
use driver_events_harness::RawNatsClient;
use futures_util::StreamExt;

use crate::jetstream_reading::{next, numbered, reader, sequence, store};
use crate::jetstream_support::{STREAM, create_stream, read_stream, server_with_stream};
use crate::support::in_time;

const CONSUMER: &str = "audit";
const EVENT: &[u8] = br#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
const ACK_WAIT: Duration = Duration::from_millis(300);

fn dead(max_message_size: i32) -> Config {
    Config {
        name: "DEAD".into(),
        subjects: vec!["dead.>".into()],
        max_message_size,
        ..Default::default()
    }
}

/// The server refuses headers of more than 64 KiB: percent-encoding, or the headers of a dead letter, make them larger.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_with_large_headers_is_a_description() {
    let (server, client) = server_with_stream().await;
    create_stream(&client, dead(-1)).await;
    let mut raw = RawNatsClient::connect(server.client_address()).unwrap();
    let block = |value: &[u8]| [b"NATS/1.0\r\nX-Author: ", value, b"\r\n\r\n"].concat();
    for (headers, payload) in [
        (block(&[0xe9; 22_000]), EVENT),
        (block(&[b'a'; 65_450]), b"malformed".as_slice()),
    ] {
        raw.publish_with_headers(b"agent.driver.escalate", &headers, payload)
            .unwrap();
    }
    raw.flush().unwrap();
    let builder = reader(&server).durable(CONSUMER).dead_letters("dead.driver");
    let mut source = builder.build().await.unwrap();
    for expected in 1..=2 {
        let delivery = next(&mut source).await;
        assert_eq!(sequence(&delivery), expected);
        delivery.envelope().unwrap_err();
        in_time(delivery.reject("malformed")).await.unwrap();
    }
    let letters = read_stream(&client, "DEAD").await;
    assert_eq!(letters.len(), 2);
    for (letter, (sequence, length)) in letters.iter().zip([(1, EVENT.len()), (2, 9)]) {
        let description: serde_json::Value = serde_json::from_slice(&letter.payload).unwrap();
        assert_eq!(description["stream"], STREAM);
        assert_eq!(description["sequence"], sequence);
        assert_eq!(description["length"], length);
        let headers = letter.headers.as_ref().unwrap();
        assert_eq!(headers.get("Dead-Letter-Reason").unwrap().as_str(), "malformed");
        assert!(headers.get("X-Author").is_none());
    }
}

/// Each redelivery would fail again.
#[tokio::test(flavor = "multi_thread")]
async fn source_ends_if_its_dead_letters_are_refused_for_good() {
    let (server, client) = server_with_stream().await;
    create_stream(&client, dead(10)).await;
    store(&client, &numbered(1, 0..1)).await;
    let builder = reader(&server).durable(CONSUMER).ack_wait(ACK_WAIT);
    let mut source = builder.dead_letters("dead.driver").build().await.unwrap();
    for _ in 0..3 {
        let error = in_time(next(&mut source).await.reject("no")).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
    }
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Fatal, "{error}");
    assert!(in_time(source.next()).await.is_none());
    let last_error = source.connection().unwrap().last_error().unwrap();
    assert!(last_error.contains("dead.driver"), "{last_error}");
}

/// JetStream is unavailable for a moment, then no stream has a leader.
#[tokio::test(flavor = "multi_thread")]
async fn transient_refusals_do_not_end_the_source() {
    let (server, client) = server_with_stream().await;
    store(&client, &numbered(1, 0..1)).await;
    let builder = reader(&server).durable(CONSUMER).ack_wait(ACK_WAIT);
    let mut source = builder.dead_letters("dead.driver").build().await.unwrap();
    let mut unavailable = client.subscribe("dead.driver").await.unwrap();
    client.flush().await.unwrap();
    let replier = client.clone();
    let replies = tokio::spawn(async move {
        let error =
            r#"{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}"#;
        for _ in 0..4 {
            let letter = unavailable.next().await.unwrap();
            replier.publish(letter.reply.unwrap(), error.into()).await.unwrap();
        }
        unavailable.unsubscribe().await.unwrap();
        replier.flush().await.unwrap();
    });
    for attempt in 0..8 {
        let error = in_time(next(&mut source).await.reject("no")).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{attempt}: {error}");
    }
    replies.await.unwrap();
    create_stream(&client, dead(-1)).await;
    in_time(next(&mut source).await.reject("no")).await.unwrap();
    assert_eq!(read_stream(&client, "DEAD").await.len(), 1);
}

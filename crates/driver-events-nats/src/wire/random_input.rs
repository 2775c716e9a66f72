//! Parsing of random input: nothing panics, what is written is read, and messages that async-nats cannot read are known.

use std::sync::Arc;
use std::time::Duration;

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use driver_events_core::{Envelope, EventId};
use driver_events_types::Limits;
use futures_util::StreamExt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Subjects, dedupe_key, headers, is_publishable, percent, unreadable};

const EVENT: &str = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
const TIMEOUT: Duration = Duration::from_secs(20);

/// Names of attributes among others.
fn header_names() -> impl Strategy<Value = String> {
    let known = "(ce|CE|Ce)-(id|source|type|subject|time|sequence|producerrun|specversion|traceparent|tracestate)";
    prop_oneof![
        known,
        "[!-9;-~]{0,12}",
        Just("Nats-Msg-Id".to_owned()),
        Just("content-type".to_owned())
    ]
}

proptest! {
    #[test]
    fn headers_and_payloads_are_read(
        fields in vec((header_names(), vec("[^\r\n]{0,40}", 1..3)), 0..6),
        payload in prop_oneof![Just(EVENT.as_bytes().to_vec()), vec(any::<u8>(), 0..60)],
        subject in proptest::option::of("\\PC{0,20}"),
    ) {
        let mut map = HeaderMap::new();
        for (name, values) in &fields {
            for value in values {
                let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) else { continue };
                map.append(name, value);
            }
        }
        let payload = Bytes::from(payload);
        if let Err(malformed) = headers::read(subject.as_deref(), Some(&map), &payload, Limits::default()) {
            prop_assert_eq!(malformed.raw(), &payload);
        }
    }

    #[test]
    fn percent_encoding_is_reversible(text in any::<String>(), bytes in vec(any::<u8>(), 0..60)) {
        let encoded = percent::encode(&text);
        let decoded = percent::decode(&encoded);
        prop_assert_eq!(decoded.as_deref(), Some(text.as_str()));
        prop_assert!(encoded.parse::<HeaderValue>().is_ok());
        prop_assert!(percent::encode_bytes(&bytes).parse::<HeaderValue>().is_ok());
        let _ = percent::decode(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn dedupe_keys_have_id_and_source(id in "\\PC{1,40}", source in "[a-z:/]{1,20}", prefix in proptest::option::of("[a-z.]{1,9}")) {
        let envelope = Envelope::from_json(EVENT).unwrap();
        let (Ok(id), Ok(envelope)) = (EventId::new(id.as_str()), envelope.with_source(source.as_str())) else { return Ok(()) };
        let envelope = envelope.with_id(id.clone());
        let key = dedupe_key::of(&envelope, prefix.as_deref());
        prop_assert!(key.parse::<HeaderValue>().is_ok());
        prop_assert_eq!(dedupe_key::id_and_source(&key).0, id.as_str());
    }

    #[test]
    fn keys_of_other_publishers_are_read(key in any::<String>()) {
        let _ = dedupe_key::id_and_source(&key);
    }

    #[test]
    fn subjects_are_checked(subject in any::<String>(), prefix in any::<String>()) {
        if let Ok(subjects) = Subjects::below(Some(&prefix)) {
            prop_assert!(is_publishable(&prefix));
            let _ = subjects.strip(&subject);
        }
    }

    #[test]
    fn any_bytes_are_examined(subject in any::<String>(), headers in vec(any::<u8>(), 0..80)) {
        let _ = unreadable::reason(&subject, &headers);
    }
}

/// Header blocks of which async-nats can read some.
fn header_blocks() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[A-Za-z-]{1,6}: [ -~]{0,8}\r\n".prop_map(String::into_bytes),
        1 => "[ -~\t\u{e9}]{0,6}:[ -~\t\r\u{e9}\u{2028}]{0,8}\r\n".prop_map(String::into_bytes),
        1 => "[ \t]?[ -~]{0,6}\r?\n".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..4),
    ];
    let status = prop_oneof![4 => Just(""), 1 => Just(" 503"), 1 => Just(" 409 Gone"), 1 => Just(" x"), 1 => Just("9")];
    (status, vec(piece, 0..3))
        .prop_map(|(status, pieces)| [format!("NATS/1.0{status}\r\n").as_bytes(), &pieces.concat(), b"\r\n"].concat())
}

/// Returns whether async-nats reads a message with these headers from a server.
async fn is_read_by_the_client(headers: &[u8]) -> bool {
    // A client that reconnects finds no listener.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let disconnected = Arc::new(Notify::new());
    let notify = Arc::clone(&disconnected);
    let options = async_nats::ConnectOptions::new().event_callback(move |event| {
        if event == async_nats::Event::Disconnected {
            notify.notify_one();
        }
        std::future::ready(())
    });
    let client = tokio::spawn(options.connect(format!("nats://{address}")));
    let (stream, _) = listener.accept().await.unwrap();
    drop(listener);
    let mut stream = BufReader::new(stream);
    stream
        .write_all(b"INFO {\"server_id\":\"x\",\"version\":\"2.12.0\",\"headers\":true,\"max_payload\":1048576}\r\n")
        .await
        .unwrap();
    expect_line(&mut stream, "PING").await;
    stream.write_all(b"PONG\r\n").await.unwrap();
    let client = client.await.unwrap().unwrap();
    let mut subscriber = client.subscribe("a").await.unwrap();
    expect_line(&mut stream, "SUB a").await;
    let head = format!("HMSG a 1 {0} {0}\r\n", headers.len());
    stream
        .write_all(&[head.as_bytes(), headers, b"\r\n"].concat())
        .await
        .unwrap();
    let outcome = timeout(TIMEOUT, async {
        tokio::select! {
            message = subscriber.next() => message.is_some(),
            () = disconnected.notified() => false,
        }
    });
    outcome.await.unwrap()
}

async fn expect_line(stream: &mut BufReader<tokio::net::TcpStream>, start: &str) {
    let mut line = String::new();
    while !line.starts_with(start) {
        line.clear();
        assert!(stream.read_line(&mut line).await.unwrap() > 0, "closed before {start}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_messages_are_those_that_the_client_cannot_read() {
    let mut runner = TestRunner::deterministic();
    let blocks = header_blocks();
    let (mut readable, mut unreadable) = (0, 0);
    for _ in 0..300 {
        let headers = blocks.new_tree(&mut runner).unwrap().current();
        let expected = unreadable::reason("a", &headers);
        let is_read = is_read_by_the_client(&headers).await;
        assert_eq!(
            is_read,
            expected.is_none(),
            "{expected:?}: {:?}",
            headers.escape_ascii().to_string()
        );
        if is_read { readable += 1 } else { unreadable += 1 }
    }
    assert!(
        readable > 50 && unreadable > 50,
        "{readable} readable, {unreadable} unreadable"
    );
}

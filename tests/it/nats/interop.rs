//! Every event reaches readers in other languages as the documentation says: subject, headers, payload.

use std::collections::BTreeMap;

use async_nats::jetstream;
use driver_events_core::{DriverEventSink, DriverEventSinkExt, Envelope};
use driver_events_harness::{NatsConfig, NatsServer, wait_until};
use driver_events_nats::{JetStreamEventSink, NatsEventSink, StreamSettings, ensure_stream};
use serde_json::{Value, json};

use super::consumer::{start, subscribed};
use crate::consumers::{LANGUAGES, Language, PATIENCE};
use crate::published::{FOREIGN, SOURCE, assert_told, attributes, disturbed, envelopes, publish};

async fn client(server: &NatsServer) -> async_nats::Client {
    async_nats::connect(server.client_url()).await.unwrap()
}

/// What a consumer prints of an envelope that was sent, without its note. `has_header` picks the headers that must be
/// there.
fn printed(envelope: &Envelope, has_header: impl Fn(&str) -> bool) -> Value {
    let attributes = attributes(envelope).map(|(name, value)| (format!("ce-{name}"), value));
    let id = ("nats-msg-id".to_owned(), envelope.id().to_string());
    let headers: BTreeMap<_, _> = attributes.chain([id]).filter(|(name, _)| has_header(name)).collect();
    let payload = std::str::from_utf8(envelope.json().unwrap()).unwrap();
    json!({ "subject": envelope.subject().unwrap(), "headers": headers, "payload": payload, "note": "" })
}

/// Compares what was read with what was sent, with the first that differs in the message.
fn assert_read(language: Language, sent: &[Envelope], read: &[Value], has_header: impl Fn(&str) -> bool) {
    assert_eq!(read.len(), sent.len(), "{language:?}");
    for (envelope, read) in sent.iter().zip(read) {
        assert_eq!(*read, printed(envelope, &has_header), "{language:?}");
    }
}

#[tokio::test]
async fn whoever_listens_reads_what_was_published() {
    let server = NatsServer::start(NatsConfig::new()).unwrap();
    for language in LANGUAGES {
        for has_headers in [true, false] {
            let count = format!("--count={}", envelopes().len());
            let mut consumer = start(language, &server.client_url(), &["--json", &count]);
            subscribed(&mut consumer, &server, "agent.driver.>").await;
            let sink = NatsEventSink::builder().client(client(&server).await);
            let sink = if has_headers { sink } else { sink.bare() };
            let sink = sink.build().await.unwrap().stamped(SOURCE).unwrap();
            let sent = publish(&sink).await;
            assert_read(language, &sent, &consumer.messages().await, |_| has_headers);
        }
    }
}

#[tokio::test]
async fn a_durable_reader_goes_on_where_it_was() {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    for has_headers in [true, false] {
        let client = client(&server).await;
        ensure_stream(&client, &StreamSettings::new("DRIVER")).await.unwrap();
        let sink = JetStreamEventSink::builder("DRIVER").client(client.clone());
        let sink = if has_headers { sink } else { sink.bare() };
        let sink = sink.build().await.unwrap().stamped(SOURCE).unwrap();
        let sent = publish(&sink).await;
        for language in LANGUAGES {
            let mut read = Vec::new();
            for count in [150, sent.len() - 150] {
                let [durable, count] = [format!("--durable={language:?}"), format!("--count={count}")];
                let options = ["--json", "--stream=DRIVER", &durable, &count];
                read.extend(start(language, &server.client_url(), &options).messages().await);
            }
            assert_read(language, &sent, &read, |name| has_headers || name == "nats-msg-id");
        }
        jetstream::new(client).delete_stream("DRIVER").await.unwrap();
    }
}

#[tokio::test]
async fn gaps_duplicates_and_what_is_no_event_are_told() {
    let server = NatsServer::start(NatsConfig::new()).unwrap();
    let client = client(&server).await;
    for language in LANGUAGES {
        let mut consumer = start(language, &server.client_url(), &["--count=9"]);
        subscribed(&mut consumer, &server, "agent.driver.>").await;
        let sink = NatsEventSink::new(client.clone());
        for envelope in disturbed() {
            sink.send(envelope).await.unwrap();
        }
        sink.flush().await.unwrap();
        for payload in FOREIGN {
            client.publish("agent.driver.other", payload.into()).await.unwrap();
        }
        assert_told(language, consumer.lines().await);
    }
}

#[tokio::test]
async fn a_durable_reader_survives_the_death_of_the_server() {
    let mut server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let client = client(&server).await;
    ensure_stream(&client, &StreamSettings::new("DRIVER")).await.unwrap();
    let sink = JetStreamEventSink::new(client, "DRIVER").await.unwrap();
    let mut envelopes = envelopes().into_iter();
    sink.send(envelopes.next().unwrap()).await.unwrap();
    let consumers = LANGUAGES.map(|language| {
        let durable = format!("--durable={language:?}");
        start(
            language,
            &server.client_url(),
            &["--stream=DRIVER", &durable, "--count=2"],
        )
    });
    wait_until("both have acknowledged the first", PATIENCE, async || {
        let page = server.monitoring("/jsz?consumers=true").unwrap().to_string();
        page.matches(r#""ack_floor":{"consumer_seq":1,"#).count() == consumers.len()
    })
    .await;
    server.kill().unwrap();
    server.restart().unwrap();
    sink.send(envelopes.next().unwrap()).await.unwrap();
    for consumer in consumers {
        assert_eq!(consumer.lines().await.len(), 2);
    }
}

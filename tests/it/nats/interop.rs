//! Consumers in other languages receive every event as documented: subject, headers, payload.

use std::collections::BTreeMap;

use async_nats::jetstream;
use driver_events_core::{DriverEventSink, DriverEventSinkExt, Envelope};
use driver_events_harness::{NatsConfig, NatsServer, wait_until};
use driver_events_nats::{JetStreamEventSink, NatsEventSink, StreamSettings, ensure_stream};
use futures_util::StreamExt;
use serde_json::{Value, json};
use uuid::Uuid;

use super::consumer::{start, subscribed};
use crate::consumers::{LANGUAGES, Language, TIMEOUT};
use crate::sample_events::{FOREIGN, SOURCE, assert_reported, attributes, envelopes, publish, with_faults};

async fn client(server: &NatsServer) -> async_nats::Client {
    async_nats::connect(server.client_url()).await.unwrap()
}

/// The output of a consumer for a published envelope, with an empty note. `has_header` selects the expected headers.
fn printed(envelope: &Envelope, has_header: impl Fn(&str) -> bool) -> Value {
    let attributes = attributes(envelope).map(|(name, value)| (format!("ce-{name}"), value));
    // A UUID is unique without its source. The consumers decode the parts of the key.
    let (id, source) = (envelope.id(), envelope.source());
    let key = match Uuid::try_parse(id.as_str()) {
        Ok(_) => id.to_string(),
        Err(_) => format!("driver-events {id} {source}"),
    };
    let key = ("nats-msg-id".to_owned(), key);
    let headers: BTreeMap<_, _> = attributes.chain([key]).filter(|(name, _)| has_header(name)).collect();
    let payload = std::str::from_utf8(envelope.json().unwrap()).unwrap();
    json!({ "subject": envelope.subject().unwrap(), "headers": headers, "payload": payload, "note": "" })
}

/// Compares one by one, so that the message shows the first difference.
fn assert_read(language: Language, sent: &[Envelope], read: &[Value], has_header: impl Fn(&str) -> bool) {
    assert_eq!(read.len(), sent.len(), "{language:?}");
    for (envelope, read) in sent.iter().zip(read) {
        assert_eq!(*read, printed(envelope, &has_header), "{language:?}");
    }
}

#[tokio::test]
async fn subscribers_receive_all_published_events() {
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
async fn a_durable_consumer_resumes_after_the_last_ack() {
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
async fn gaps_duplicates_and_malformed_messages_are_reported() {
    let server = NatsServer::start(NatsConfig::new()).unwrap();
    let client = client(&server).await;
    for language in LANGUAGES {
        let mut consumer = start(language, &server.client_url(), &["--count=9"]);
        subscribed(&mut consumer, &server, "agent.driver.>").await;
        let sink = NatsEventSink::new(client.clone());
        for envelope in with_faults() {
            sink.send(envelope).await.unwrap();
        }
        sink.flush().await.unwrap();
        for payload in FOREIGN {
            client.publish("agent.driver.other", payload.into()).await.unwrap();
        }
        assert_reported(language, consumer.lines().await);
    }
}

#[tokio::test]
async fn malformed_messages_are_terminated_until_sigterm() {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let client = client(&server).await;
    ensure_stream(&client, &StreamSettings::new("DRIVER")).await.unwrap();
    let advisories = "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.DRIVER.>";
    let mut advisories = client.subscribe(advisories).await.unwrap();
    let context = jetstream::new(client.clone());
    for payload in FOREIGN {
        let ack = context.publish("agent.driver.other", payload.into()).await.unwrap();
        ack.await.unwrap();
    }
    for language in LANGUAGES {
        let durable = format!("--durable={language:?}");
        let mut consumer = start(language, &server.client_url(), &["--stream=DRIVER", &durable]);
        let advisory = tokio::time::timeout(TIMEOUT, advisories.next()).await.unwrap().unwrap();
        let advisory: Value = serde_json::from_slice(&advisory.payload).unwrap();
        assert_eq!(
            advisory["stream_seq"],
            FOREIGN.len(),
            "{language:?}: the last message is malformed"
        );
        let stream = context.get_stream("DRIVER").await.unwrap();
        wait_until("all messages are settled", TIMEOUT, async || {
            consumer.assert_runs();
            let info = stream.consumer_info(format!("{language:?}")).await.unwrap();
            (info.num_ack_pending, info.num_pending) == (0, 0)
        })
        .await;
        consumer.terminate();
        assert_eq!(consumer.lines().await.len(), FOREIGN.len(), "{language:?}");
    }
}

#[tokio::test]
async fn a_durable_consumer_resumes_after_a_server_restart() {
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
    wait_until("all consumers have acked the first event", TIMEOUT, async || {
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

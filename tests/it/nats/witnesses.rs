//! Every event reaches readers in other languages as the documentation says: subject, headers, payload.

use async_nats::jetstream;
use driver_events_core::{DriverEventSink, DriverEventSinkExt, Envelope, EventId, Stamp, Stamped};
use driver_events_harness::{NatsConfig, NatsServer, wait_until};
use driver_events_nats::{JetStreamEventSink, NatsEventSink, StreamSettings, ensure_stream};
use serde_json::Value;

use super::consumer::{LANGUAGES, Language, PATIENCE};
use super::published::{SOURCE, envelopes, printed};

async fn client(server: &NatsServer) -> async_nats::Client {
    async_nats::connect(server.client_url()).await.unwrap()
}

/// Publishes everything, and returns the envelopes as they were sent.
async fn publish(sink: &Stamped<impl DriverEventSink>) -> Vec<Envelope> {
    let sent = envelopes();
    for envelope in &sent {
        sink.send(envelope.clone()).await.unwrap();
    }
    sink.close().await.unwrap();
    sent
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
            let mut consumer = language.start(&server.client_url(), &["--json", &count]);
            consumer.subscribed(&server, "agent.driver.>").await;
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
                read.extend(language.start(&server.client_url(), &options).messages().await);
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
    let goal = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01";
    for language in LANGUAGES {
        let mut consumer = language.start(&server.client_url(), &["--count=9"]);
        consumer.subscribed(&server, "agent.driver.>").await;
        let sink = NatsEventSink::new(client.clone());
        for (sequence, run) in [(3, "1"), (4, "1"), (4, "1"), (8, "1"), (6, "1"), (1, "2")] {
            let json = format!(r#"{{"kind":"escalate","goal_id":"{goal}","reason":"x"}}"#);
            let stamp = Stamp {
                run: run.into(),
                sequence,
            };
            let id = EventId::new(format!("{run}.{sequence}")).unwrap();
            let envelope = Envelope::from_json(json)
                .unwrap()
                .with_id(id)
                .with_stamp(stamp)
                .unwrap();
            sink.send(envelope).await.unwrap();
        }
        sink.flush().await.unwrap();
        for payload in [
            r#"{"kind":"\u001b[2J","goal":{"id":"7"},"nested":{"goal_id":"8"}}"#,
            r#"{"kind":"goal_completed","outcome":{"goal_id":"9"}}"#,
            "[no JSON",
        ] {
            client.publish("agent.driver.other", payload.into()).await.unwrap();
        }
        let mut lines = consumer.lines().await;
        // What is wrong with it each says in its own words.
        let last = lines.pop().unwrap();
        assert!(last.starts_with("no event: "), "{language:?}: {last}");
        let expected = [
            &format!("escalate {goal} 3"),
            &format!("escalate {goal} 4"),
            &format!("escalate {goal} 4 (duplicate)"),
            &format!("escalate {goal} 8 (3 missing before)"),
            &format!("escalate {goal} 6 (late)"),
            &format!("escalate {goal} 1"),
            r"\x1b[2J 7 -",
            "goal_completed 9 -",
        ];
        assert_eq!(lines, expected, "{language:?}");
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
        language.start(&server.client_url(), &["--stream=DRIVER", &durable, "--count=2"])
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

//! Stored messages and receipts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::stream::Config;
use async_trait::async_trait;
use driver_events_core::conformance::{self, Capabilities, Fixture, samples};
use driver_events_core::{DriverEventSink, Envelope, EventId, Guarantee, SinkErrorKind};
use driver_events_harness::{NatsConfig, NatsServer};
use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};
use driver_events_types::DriverEvent;

use crate::contract::fixture;
use crate::jetstream_support::{
    STREAM, check_stored, envelope_of, jetstream_server, read_stream, send, server_with_stream, stored,
};
use crate::support::{client, in_time, options};

/// Creates a stream for each sink, on a shared server.
struct JetStream {
    server: NatsServer,
    started: AtomicUsize,
    is_bare: bool,
    owns_connection: bool,
    max_bytes: Option<usize>,
}

impl JetStream {
    fn new(server: NatsServer) -> Self {
        Self {
            server,
            started: AtomicUsize::new(0),
            is_bare: false,
            owns_connection: true,
            max_bytes: None,
        }
    }
}

#[async_trait]
impl Fixture for JetStream {
    type Store = (Client, String);

    async fn start(&self) -> (Arc<dyn DriverEventSink>, Self::Store) {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let (stream, prefix) = (format!("T{number}"), format!("tenant.{number}"));
        let client = client(&self.server).await;
        let settings = StreamSettings::new(&stream).prefix(&prefix);
        assert!(ensure_stream(&client, &settings).await.unwrap().is_new);
        let mut builder = JetStreamEventSink::builder(&stream).prefix(prefix);
        builder = if self.owns_connection {
            builder.options(options(&self.server))
        } else {
            builder.client(client.clone())
        };
        if self.is_bare {
            builder = builder.bare();
        }
        (Arc::new(builder.build().await.unwrap()), (client, stream))
    }

    async fn stored(&self, (client, stream): &Self::Store) -> Vec<Envelope> {
        read_stream(client, stream).await.iter().map(envelope_of).collect()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new(Guarantee::Stored);
        capabilities.keeps_attributes = !self.is_bare;
        capabilities.accepts_unknown_without_subject = false;
        capabilities.max_bytes = self.max_bytes;
        capabilities
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_with_headers() {
    conformance::run(&JetStream::new(jetstream_server())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms_bare_with_a_small_max_payload() {
    // The limit includes the header with the key of duplicates.
    let config = NatsConfig::new().jetstream().max_payload(100_110);
    let mut fixture = JetStream::new(NatsServer::start(config).unwrap());
    (fixture.is_bare, fixture.max_bytes) = (true, Some(100_000));
    conformance::run(&fixture).await;
}

#[tokio::test]
async fn conforms_with_the_callers_client_on_one_thread() {
    let mut fixture = JetStream::new(jetstream_server());
    fixture.owns_connection = false;
    conformance::run(&fixture).await;
}

#[tokio::test]
async fn fixtures_are_stored_byte_for_byte_on_their_subjects() {
    for name in ["goal-run.ndjson", "upstream-events.ndjson"] {
        let (_server, client) = server_with_stream().await;
        let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
        let lines = fixture(name);
        let event = |line: &String| Envelope::new(DriverEvent::from_json(line.as_bytes()).unwrap());
        let sent: Vec<_> = lines.iter().map(event).collect();
        let results = in_time(sink.send_batch(sent.clone())).await;
        let messages = read_stream(&client, STREAM).await;
        check_stored(&sent, &results, &messages);
        assert_eq!(messages.len(), lines.len());
        for ((line, envelope), result) in lines.iter().zip(&sent).zip(&results) {
            let stored = stored(result.as_ref().unwrap());
            assert_eq!(
                (&*stored.log, stored.partition, stored.duplicate),
                (STREAM, None, false)
            );
            let message = messages.get(usize::try_from(stored.offset).unwrap() - 1).unwrap();
            assert_eq!(message.payload, line.as_bytes());
            assert_eq!(Some(message.subject.as_str()), envelope.subject());
        }

        let again = in_time(sink.send_batch(sent.clone())).await;
        for (first, second) in results.iter().zip(&again) {
            let (first, second) = (stored(first.as_ref().unwrap()), stored(second.as_ref().unwrap()));
            assert_eq!(
                (first.offset, true),
                (second.offset, second.duplicate),
                "the second copy is a duplicate of the first"
            );
        }
        assert_eq!(read_stream(&client, STREAM).await.len(), lines.len());
    }
}

/// async-nats panics on a header value with a line break.
#[tokio::test]
async fn id_of_any_text_is_encoded_and_deduplicated() {
    let (_server, client) = server_with_stream().await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let envelope =
        Envelope::new(samples::numbered(samples::goal(1), 1)).with_id(EventId::new("an id/ü% \"x\"").unwrap());
    let first = send(&sink, &envelope).await.unwrap();
    let second = send(&sink, &envelope).await.unwrap();
    assert_eq!((first.offset, first.duplicate), (second.offset, false));
    assert!(second.duplicate);
    let messages = read_stream(&client, STREAM).await;
    let [message] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(envelope_of(message).id(), envelope.id());
    let headers = message.headers.as_ref().unwrap();
    let key = headers.get("Nats-Msg-Id").unwrap().as_str();
    assert_eq!(key, "driver-events an%20id/%C3%BC%25%20%22x%22 urn:driver-events:unset");
    assert!(EventId::new("a\r\nNats-Rollup: all").is_err());
}

/// CloudEvents makes the pair of source and id unique, and each prefix is a tenant.
#[tokio::test]
async fn equal_ids_of_two_sources_or_prefixes_are_two_events() {
    let (_server, client) = server_with_stream().await;
    let event = |source: &'static str| {
        let envelope = Envelope::new(samples::numbered(samples::goal(1), 1)).with_id(EventId::new("1").unwrap());
        envelope.with_source(source).unwrap()
    };
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    for source in ["urn:a", "urn:b"] {
        assert!(!send(&sink, &event(source)).await.unwrap().duplicate, "{source}");
        assert!(send(&sink, &event(source)).await.unwrap().duplicate, "{source}");
    }

    let tenants = Config {
        name: "TENANTS".into(),
        subjects: ["tenant-1", "tenant-2"]
            .map(|prefix| format!("{prefix}.agent.driver.>"))
            .into(),
        ..Default::default()
    };
    jetstream::new(client.clone()).create_stream(tenants).await.unwrap();
    let shared = Envelope::new(samples::numbered(samples::goal(1), 2));
    for prefix in ["tenant-1", "tenant-2"] {
        let sink = JetStreamEventSink::builder("TENANTS")
            .client(client.clone())
            .prefix(prefix);
        let sink = sink.build().await.unwrap();
        assert!(!send(&sink, &shared).await.unwrap().duplicate, "{prefix}");
        assert!(send(&sink, &shared).await.unwrap().duplicate, "{prefix}");
    }
    assert_eq!(read_stream(&client, "TENANTS").await.len(), 2);
}

#[tokio::test]
async fn closed_sink_fails_and_leaves_the_callers_client_open() {
    let (_server, client) = server_with_stream().await;
    let sink = JetStreamEventSink::new(client.clone(), STREAM).await.unwrap();
    let event = Envelope::new(samples::numbered(samples::goal(1), 1));
    send(&sink, &event).await.unwrap();
    in_time(sink.close()).await.unwrap();
    in_time(sink.close()).await.unwrap();
    let errors = [
        send(&sink, &event).await.unwrap_err(),
        in_time(sink.send_batch(vec![event])).await.remove(0).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.kind() == SinkErrorKind::Closed));
    assert_eq!(read_stream(&client, STREAM).await.len(), 1);
}

#[tokio::test]
async fn send_fails_at_once_on_a_closed_connection() {
    let (server, _client) = server_with_stream().await;
    let connection = options(&server).connect().await.unwrap();
    let sink = JetStreamEventSink::builder(STREAM)
        .connection(connection.clone())
        .build()
        .await
        .unwrap();
    in_time(connection.close(std::time::Duration::from_secs(5)))
        .await
        .unwrap();
    let error = send(&sink, &Envelope::new(samples::numbered(samples::goal(1), 1)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Closed, "{error}");
}

//! A client that panics at a message is replaced: what its users see meanwhile, and if it cannot be replaced.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::{Client, RequestErrorKind, Subscriber};
use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind, SourceErrorKind};
use driver_events_harness::{Certificates, NatsServer, Proxy, RawNatsClient, wait_until};
use driver_events_nats::{
    JetStreamEventSink, JetStreamEventSource, NatsConnection, NatsEventSink, NatsEventSource, NatsOptions,
};
use futures_util::StreamExt;

use crate::jetstream_reading::{ids, ids_of, numbered, quick, store};
use crate::jetstream_support::{STREAM, delete_stream, server_with_stream};
use crate::support::{LoggedFailures, TIMEOUT, client, in_time, options, server};

/// async-nats panics at this header.
const HOSTILE: &[u8] = b"NATS/1.0\r\nX-Author: a\rb\r\n\r\n";
/// Subject of hostile messages that no stream stores.
const SUBJECT: &str = "hostile";

fn publish_hostile(server: &NatsServer, subject: &str) {
    let mut raw = RawNatsClient::connect(server.client_address()).unwrap();
    raw.publish_with_headers(subject.as_bytes(), HOSTILE, b"").unwrap();
    raw.flush().unwrap();
}

/// Waits until the server has processed what the client has sent.
async fn round_trip(client: &Client) {
    let error = client.request("nobody", "".into()).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
}

/// A connection whose client reads hostile messages.
async fn exposed(options: NatsOptions) -> (NatsConnection, Subscriber) {
    let connection = options.connect().await.unwrap();
    let subscriber = connection.client().subscribe(SUBJECT).await.unwrap();
    round_trip(connection.client()).await;
    (connection, subscriber)
}

/// Without the file of root certificates, no new client can be created.
struct RootCertificates {
    _certificates: Certificates,
    path: PathBuf,
}

impl RootCertificates {
    fn new() -> Self {
        let certificates = Certificates::generate().unwrap();
        let path = certificates.authority();
        Self {
            _certificates: certificates,
            path,
        }
    }

    fn moved(&self) -> PathBuf {
        self.path.with_extension("moved")
    }

    fn remove(&self) {
        fs::rename(&self.path, self.moved()).unwrap();
    }

    fn restore(&self) {
        fs::rename(self.moved(), &self.path).unwrap();
    }

    fn options(&self, server: &NatsServer) -> NatsOptions {
        quick(options(server)).root_certificates(&self.path)
    }
}

/// Part of the failure of a connection that has no client.
const NOT_REPLACED: &str = "cannot replace the NATS client";

/// The message arrives after the source has subscribed, and before the server has confirmed the subscription: a subscriber
/// that does not reply delays that.
#[tokio::test(flavor = "multi_thread")]
async fn source_is_built_while_its_client_is_replaced() {
    let server = server();
    let client = client(&server).await;
    let mut barriers = client.subscribe("_driver_events.barrier").await.unwrap();
    round_trip(&client).await;
    let connection = quick(options(&server)).connect().await.unwrap();
    let build = NatsEventSource::builder().connection(connection.clone()).build();
    let publish = async {
        barriers.next().await.unwrap();
        publish_hostile(&server, "agent.driver.escalate");
    };
    let (source, ()) = tokio::join!(in_time(build), in_time(publish));
    let mut source = source.unwrap();
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
    assert_eq!(connection.reconnects(), 1);
    wait_until("the connection is up", TIMEOUT, async || connection.is_connected()).await;
    let sink = NatsEventSink::builder().connection(connection).build().await.unwrap();
    let envelopes = numbered(1, 0..3);
    for envelope in &envelopes {
        in_time(sink.send(envelope.clone())).await.unwrap();
    }
    for expected in ids_of(&envelopes) {
        let delivery = in_time(source.next()).await.unwrap().unwrap();
        assert_eq!(delivery.envelope().unwrap().id().as_str(), expected);
    }
}

/// The stream never acks the event: it is deleted, and another subscriber receives the event.
#[tokio::test(flavor = "multi_thread")]
async fn send_in_flight_fails_in_time_without_a_new_client() {
    let (server, client) = server_with_stream().await;
    let roots = RootCertificates::new();
    let failures = LoggedFailures::of("unreplaced-send");
    let (connection, _subscriber) = exposed(roots.options(&server).name("unreplaced-send")).await;
    let sink = JetStreamEventSink::builder(STREAM)
        .connection(connection.clone())
        .retry_timeout(Duration::from_secs(2))
        .build()
        .await
        .unwrap();
    delete_stream(&client).await;
    let mut events = client.subscribe("agent.driver.>").await.unwrap();
    round_trip(&client).await;
    let lose_client = async {
        events.next().await.unwrap();
        roots.remove();
        publish_hostile(&server, SUBJECT);
        failures.wait_for(NOT_REPLACED).await;
    };
    let envelope = numbered(1, 0..1).remove(0);
    let (sent, ()) = tokio::join!(in_time(sink.send(envelope)), in_time(lose_client));
    let error = sent.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    roots.restore();
}

#[tokio::test(flavor = "multi_thread")]
async fn users_see_that_the_client_is_not_replaced_yet() {
    let (server, client) = server_with_stream().await;
    let roots = RootCertificates::new();
    let failures = LoggedFailures::of("unreplaced-users");
    let (connection, _subscriber) = exposed(roots.options(&server).name("unreplaced-users")).await;
    let builder = JetStreamEventSource::builder(STREAM).connection(connection.clone());
    let mut source = builder.build().await.unwrap();
    let builder = NatsEventSink::builder().connection(connection.clone());
    let sink = builder.flush_timeout(Duration::from_secs(1)).build().await.unwrap();
    let envelopes = numbered(1, 0..2);
    in_time(sink.send(envelopes[0].clone())).await.unwrap();
    assert_eq!(ids(&mut source, 1).await, ids_of(&envelopes[..1]));
    roots.remove();
    publish_hostile(&server, SUBJECT);
    failures.wait_for(NOT_REPLACED).await;
    assert!(!connection.is_connected());
    let error = in_time(sink.flush()).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Disconnected, "{error}");
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
    roots.restore();
    wait_until("the client is replaced", TIMEOUT, async || connection.is_connected()).await;
    store(&client, &envelopes[1..]).await;
    assert_eq!(ids(&mut source, 1).await, ids_of(&envelopes[1..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn close_ends_a_connection_without_a_client() {
    let server = server();
    let roots = RootCertificates::new();
    let failures = LoggedFailures::of("unreplaced-close");
    let (connection, _subscriber) = exposed(roots.options(&server).name("unreplaced-close")).await;
    let builder = NatsEventSource::builder().connection(connection.clone());
    let mut source = builder.build().await.unwrap();
    roots.remove();
    publish_hostile(&server, SUBJECT);
    failures.wait_for(NOT_REPLACED).await;
    in_time(connection.close(Duration::from_secs(5))).await.unwrap();
    roots.restore();
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Closed, "{error}");
    assert!(in_time(source.next()).await.is_none());
    assert!(!connection.is_connected());
}

/// Only one subscription fits into the queue of the new client, which cannot connect yet: the others time out.
#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_renewed_after_a_full_queue() {
    let (server, _client) = server_with_stream().await;
    let proxy = Proxy::start(server.client_address()).unwrap();
    let delay = Duration::from_millis(500);
    let options = NatsOptions::new(proxy.address().to_string()).name("full-queue");
    let options = options.reconnect_delay(delay, delay);
    let failures = LoggedFailures::of("full-queue");
    let (connection, _subscriber) = exposed(options.queue_capacity(1)).await;
    let sink = async || {
        let builder = JetStreamEventSink::builder(STREAM).connection(connection.clone());
        builder.build().await.unwrap()
    };
    let sinks = [sink().await, sink().await];
    let builder = NatsEventSource::builder().connection(connection.clone());
    let mut source = builder.build().await.unwrap();
    proxy.refuse(true);
    publish_hostile(&server, SUBJECT);
    failures.wait_for("cannot renew the subscription").await;
    proxy.refuse(false);
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
    let envelopes = numbered(1, 0..2);
    for (sink, envelope) in sinks.iter().zip(&envelopes) {
        in_time(sink.send(envelope.clone())).await.unwrap();
        let delivery = in_time(source.next()).await.unwrap().unwrap();
        assert_eq!(delivery.envelope().unwrap().id(), envelope.id());
    }
}

//! Stalled, half-open and lost connections: errors come in time, and retried events are stored exactly once.
//!
//! `cargo xtask faults nats` cuts links and kills servers under load.

use std::time::{Duration, Instant};

use async_nats::Client;
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Fate, Receipt, SinkError, SinkErrorKind};
use driver_events_harness::{Direction, NatsServer, Proxy, wait_until};
use driver_events_nats::{JetStreamEventSink, JetStreamEventSinkBuilder, NatsOptions};

use crate::jetstream_support::{STREAM, check_stored, envelope_of, read_stream, send, server_with_stream};
use crate::support::{TIMEOUT, in_time};

type SendResults = Vec<Result<Receipt, SinkError>>;

fn quick(options: NatsOptions) -> NatsOptions {
    options.reconnect_delay(Duration::from_millis(1), Duration::from_millis(20))
}

async fn proxied() -> (NatsServer, Client, Proxy) {
    let (server, client) = server_with_stream().await;
    let proxy = Proxy::start(server.client_address()).unwrap();
    (server, client, proxy)
}

fn through(proxy: &Proxy) -> JetStreamEventSinkBuilder {
    JetStreamEventSink::builder(STREAM).options(quick(NatsOptions::new(proxy.address().to_string())))
}

/// Sent events and their results.
#[derive(Default)]
struct Load {
    goals: u32,
    sent: Vec<Envelope>,
    results: SendResults,
}

impl Load {
    fn of(goals: u32) -> Self {
        Self {
            goals,
            ..Self::default()
        }
    }

    fn next(&mut self, count: usize) -> Vec<Envelope> {
        let first = self.sent.len();
        let event = |number: usize| {
            let number = u32::try_from(number).unwrap();
            Envelope::new(samples::numbered(samples::goal(number % self.goals), number))
        };
        let batch: Vec<_> = (first..first + count).map(event).collect();
        self.sent.extend(batch.iter().cloned());
        batch
    }

    /// Asserts that all events are stored.
    async fn check(&self, client: &Client) {
        for result in &self.results {
            assert!(result.is_ok(), "not retried to success: {result:?}");
        }
        let messages = read_stream(client, STREAM).await;
        check_stored(&self.sent, &self.results, &messages);
    }
}

fn short_timeouts(proxy: &Proxy) -> JetStreamEventSinkBuilder {
    through(proxy)
        .window(10)
        .ack_timeout(Duration::from_millis(300))
        .retry_timeout(Duration::from_secs(1))
}

/// The ack timeouts of async-nats start when the ack is polled, so they would add up.
#[tokio::test(flavor = "multi_thread")]
async fn stalled_connection_times_out_and_retries_are_stored_once() {
    let (_server, client, proxy) = proxied().await;
    let sink = short_timeouts(&proxy).build().await.unwrap();
    let mut load = Load::of(50);
    let batch = load.next(100);
    proxy.stall();
    let start = Instant::now();
    let results = in_time(sink.send_batch(batch.clone())).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    for result in &results {
        assert_eq!(result.as_ref().unwrap_err().kind(), SinkErrorKind::Timeout);
    }
    assert!(
        results
            .iter()
            .any(|result| result.as_ref().unwrap_err().fate() == Fate::Unknown)
    );
    let start = Instant::now();
    let error = send(&sink, batch.first().unwrap()).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(4));
    assert_eq!(
        (error.kind(), error.fate()),
        (SinkErrorKind::Timeout, Fate::Unknown),
        "{error}"
    );

    proxy.resume();
    load.results = in_time(sink.send_batch(batch)).await;
    load.check(&client).await;
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connection_fails_and_retries_are_stored_once() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let (_server, client, proxy) = proxied().await;
        let sink = short_timeouts(&proxy).build().await.unwrap();
        let mut load = Load::of(7);
        let batch = load.next(20);
        proxy.half_open(direction);
        let start = Instant::now();
        let results = in_time(sink.send_batch(batch.clone())).await;
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        assert!(
            results
                .iter()
                .all(|result| result.as_ref().is_err_and(SinkError::is_retryable)),
            "{results:?}"
        );
        proxy.heal();
        load.results = in_time(sink.send_batch(batch)).await;
        load.check(&client).await;
        in_time(sink.close()).await.unwrap();
    }
}

/// Returns a sink whose client is disconnected and cannot reconnect.
async fn disconnected(proxy: &Proxy) -> JetStreamEventSink {
    let sink = short_timeouts(proxy).build().await.unwrap();
    proxy.refuse(true);
    proxy.cut();
    wait_until("the client is disconnected", TIMEOUT, async || {
        !sink.connection().unwrap().is_connected()
    })
    .await;
    sink
}

/// async-nats would buffer the event, and send it after the reconnect.
#[tokio::test(flavor = "multi_thread")]
async fn event_that_failed_while_disconnected_is_not_sent_later() {
    let (_server, client, proxy) = proxied().await;
    let sink = disconnected(&proxy).await;
    let events = Load::of(1).next(2);
    let error = send(&sink, &events[0]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.fate()),
        (SinkErrorKind::Disconnected, Fate::NotSent),
        "{error}"
    );
    proxy.heal();
    wait_until("the client is reconnected", TIMEOUT, async || {
        sink.connection().unwrap().is_connected()
    })
    .await;
    send(&sink, &events[1]).await.unwrap();
    let stored = read_stream(&client, STREAM).await;
    let ids: Vec<_> = stored.iter().map(|message| envelope_of(message).id().clone()).collect();
    assert_eq!(ids, [events[1].id().clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn close_ends_in_time_while_disconnected() {
    let (_server, _client, proxy) = proxied().await;
    let sink = disconnected(&proxy).await;
    let start = Instant::now();
    let _ = in_time(sink.close()).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

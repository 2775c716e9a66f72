//! Lost connections and killed servers under load: acked events are stored exactly once, in the order of each goal.
//!
//! A sink that retries events while later ones of the same goal are in flight would store them out of order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::jetstream;
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Fate, Receipt, SinkError, SinkErrorKind};
use driver_events_harness::{Direction, NatsCluster, NatsConfig, NatsServer, Proxy, wait_until};
use driver_events_nats::{JetStreamEventSink, JetStreamEventSinkBuilder, NatsOptions, StreamSettings, ensure_stream};

use crate::jetstream_support::{STREAM, check_stored, envelope_of, read_stream, send, server_with_stream, stored};
use crate::support::{TIMEOUT, in_time, options};

const SERVER_KILLS: u64 = 5;

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
    /// One goal uses atomic batches, many goals do not.
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

    /// Asserts that all events are stored. Returns the number of receipts marked `duplicate`.
    async fn check(&self, client: &Client) -> usize {
        for result in &self.results {
            assert!(result.is_ok(), "not retried to success: {result:?}");
        }
        let messages = read_stream(client, STREAM).await;
        check_stored(&self.sent, &self.results, &messages);
        let is_duplicate = |result: &&Result<_, _>| result.as_ref().is_ok_and(|receipt| stored(receipt).duplicate);
        self.results.iter().filter(is_duplicate).count()
    }
}

async fn cut_connections(goals: u32) {
    let (_server, client, proxy) = proxied().await;
    let sink = Arc::new(through(&proxy).build().await.unwrap());
    let mut load = Load::of(goals);
    let mut cuts = 0;
    for round in 0..60_u64 {
        let before = proxy.counts().bytes_to_server;
        let batch = load.next(200);
        let sending = tokio::spawn({
            let sink = Arc::clone(&sink);
            async move { sink.send_batch(batch).await }
        });
        wait_until("the batch is in flight", TIMEOUT, async || {
            proxy.counts().bytes_to_server > before + round * 700 || sending.is_finished()
        })
        .await;
        cuts += proxy.cut();
        load.results.extend(in_time(sending).await.unwrap());
    }
    assert!(cuts >= 50, "{cuts}");
    assert!(load.check(&client).await > 0, "no ack was lost");
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_keep_many_goals_stored_once_in_order() {
    cut_connections(50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_keep_one_goal_stored_once_in_order() {
    cut_connections(1).await;
}

async fn kill_server(goals: u32) {
    let (mut server, client) = server_with_stream().await;
    let sink = JetStreamEventSink::builder(STREAM)
        .options(quick(options(&server)))
        .build()
        .await
        .unwrap();
    let connection = sink.connection().unwrap().clone();
    let mut stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    let (stop, completed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let sending = tokio::spawn({
        let (stop, completed) = (Arc::clone(&stop), Arc::clone(&completed));
        async move {
            let mut load = Load::of(goals);
            while !stop.load(Ordering::Relaxed) {
                let batch = load.next(1_000);
                load.results.extend(in_time(sink.send_batch(batch)).await);
                completed.store(load.results.len(), Ordering::Relaxed);
            }
            in_time(sink.close()).await.unwrap();
            load
        }
    });
    for round in 1..=SERVER_KILLS {
        let before = u64::try_from(completed.load(Ordering::Relaxed)).unwrap();
        wait_until("a batch is partly stored", TIMEOUT, async || {
            let info = stream.info().await;
            info.is_ok_and(|info| info.state.messages > before + 1_300)
        })
        .await;
        server.kill().unwrap();
        wait_until("the client is disconnected", TIMEOUT, async || {
            !connection.is_connected()
        })
        .await;
        server.restart().unwrap();
        wait_until("the client is reconnected", TIMEOUT, async || {
            connection.reconnects() >= round
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    let load = in_time(sending).await.unwrap();
    load.check(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_keeps_many_goals_stored_once_in_order() {
    kill_server(50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_keeps_one_goal_stored_once_in_order() {
    kill_server(1).await;
}

async fn kill_stream_leader(goals: u32) {
    let mut cluster = NatsCluster::start(3, NatsConfig::new()).unwrap();
    let client = async_nats::connect(cluster.client_url().split(',').collect::<Vec<_>>())
        .await
        .unwrap();
    ensure_stream(&client, &StreamSettings::new(STREAM).replicas(3))
        .await
        .unwrap();
    let context = jetstream::new(client.clone());
    let mut stream = context.get_stream(STREAM).await.unwrap();
    let [first, others @ ..] = cluster.servers() else {
        panic!("the cluster is empty")
    };
    let add = |options: NatsOptions, server: &NatsServer| options.server(server.client_url());
    let options = quick(others.iter().fold(options(first), add));
    let sink = JetStreamEventSink::builder(STREAM)
        .options(options)
        .ack_timeout(Duration::from_secs(2))
        .build()
        .await
        .unwrap();
    let mut load = Load::of(goals);
    let batch = load.next(6_000);
    let sending = tokio::spawn(async move {
        let results = sink.send_batch(batch).await;
        in_time(sink.close()).await.unwrap();
        results
    });
    wait_until("the batch is partly stored", TIMEOUT, async || {
        stream.info().await.is_ok_and(|info| info.state.messages > 100)
    })
    .await;
    assert!(!sending.is_finished(), "the batch is still in flight");
    let leader = stream
        .info()
        .await
        .unwrap()
        .cluster
        .as_ref()
        .unwrap()
        .leader
        .clone()
        .unwrap();
    cluster.server(&leader).unwrap().kill().unwrap();
    load.results = in_time(sending).await.unwrap();
    cluster.server(&leader).unwrap().restart().unwrap();
    cluster.wait_until_ready().unwrap();
    load.check(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_leader_keeps_a_batch_stored_once_in_order() {
    kill_stream_leader(1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_leader_keeps_atomic_batches_stored_once_in_order() {
    kill_stream_leader(1).await;
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

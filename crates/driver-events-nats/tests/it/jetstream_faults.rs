//! Links that break and servers that die, under load: nothing that was acknowledged is lost, nothing is stored twice,
//! and the order within each goal holds.
//!
//! The trap: publishing with many acknowledgements in flight, and sending again those that did not come, puts events of
//! a goal out of order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::jetstream;
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Fate, Receipt, SinkError, SinkErrorKind};
use driver_events_harness::{Direction, NatsCluster, NatsConfig, NatsServer, Proxy, wait_until};
use driver_events_nats::{JetStreamEventSink, JetStreamEventSinkBuilder, NatsOptions, StreamSettings, ensure_stream};

use crate::jetstream_support::{STREAM, check_stored, read_stream, send, server_with_stream, stored};
use crate::support::{PATIENCE, in_time, options};

const KILLS: u64 = 5;

type Answers = Vec<Result<Receipt, SinkError>>;

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

/// What was sent, and how it was answered.
#[derive(Default)]
struct Load {
    goals: u32,
    sent: Vec<Envelope>,
    answers: Answers,
}

impl Load {
    /// Of one goal, which is sent in atomic batches, or of many, which are not.
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

    /// All of it is stored. Returns how many had been stored before they were sent for the last time.
    async fn check(&self, client: &Client) -> usize {
        for answer in &self.answers {
            assert!(answer.is_ok(), "what can be sent again is: {answer:?}");
        }
        let messages = read_stream(client, STREAM).await;
        check_stored(&self.sent, &self.answers, &messages);
        let was_sent_again = |answer: &&Result<_, _>| answer.as_ref().is_ok_and(|receipt| stored(receipt).duplicate);
        self.answers.iter().filter(was_sent_again).count()
    }
}

async fn links_are_cut(goals: u32) {
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
        wait_until("the batch is under way", PATIENCE, async || {
            proxy.counts().bytes_to_server > before + round * 700 || sending.is_finished()
        })
        .await;
        cuts += proxy.cut();
        load.answers.extend(in_time(sending).await.unwrap());
    }
    assert!(cuts >= 50, "{cuts}");
    assert!(load.check(&client).await > 0, "some acknowledgements were cut off");
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_cut_under_load_lose_and_double_nothing_and_keep_the_order_of_many_goals() {
    links_are_cut(50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_cut_under_load_lose_and_double_nothing_and_keep_the_order_of_one_goal() {
    links_are_cut(1).await;
}

async fn server_is_killed(goals: u32) {
    let (mut server, client) = server_with_stream().await;
    let sink = JetStreamEventSink::builder(STREAM)
        .options(quick(options(&server)))
        .build()
        .await
        .unwrap();
    let connection = sink.connection().unwrap().clone();
    let mut stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    let (has_enough, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let sending = tokio::spawn({
        let (has_enough, answered) = (Arc::clone(&has_enough), Arc::clone(&answered));
        async move {
            let mut load = Load::of(goals);
            while !has_enough.load(Ordering::Relaxed) {
                let batch = load.next(1_000);
                load.answers.extend(in_time(sink.send_batch(batch)).await);
                answered.store(load.answers.len(), Ordering::Relaxed);
            }
            in_time(sink.close()).await.unwrap();
            load
        }
    });
    for round in 1..=KILLS {
        let before = u64::try_from(answered.load(Ordering::Relaxed)).unwrap();
        wait_until("a batch is partly stored", PATIENCE, async || {
            let info = stream.info().await;
            info.is_ok_and(|info| info.state.messages > before + 1_300)
        })
        .await;
        server.kill().unwrap();
        wait_until("the loss is noticed", PATIENCE, async || !connection.is_connected()).await;
        server.restart().unwrap();
        wait_until("the link is back", PATIENCE, async || connection.reconnects() >= round).await;
    }
    has_enough.store(true, Ordering::Relaxed);
    let load = in_time(sending).await.unwrap();
    load.check(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_under_load_loses_and_doubles_nothing_of_many_goals() {
    server_is_killed(50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_under_load_loses_and_doubles_nothing_of_one_goal() {
    server_is_killed(1).await;
}

/// A batch that is under way ends as if nothing had happened.
async fn leader_is_killed(goals: u32) {
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
        let answers = sink.send_batch(batch).await;
        in_time(sink.close()).await.unwrap();
        answers
    });
    wait_until("a part of the batch is stored", PATIENCE, async || {
        stream.info().await.is_ok_and(|info| info.state.messages > 100)
    })
    .await;
    assert!(!sending.is_finished(), "the leader dies in the middle");
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
    load.answers = in_time(sending).await.unwrap();
    cluster.server(&leader).unwrap().restart().unwrap();
    cluster.wait_until_ready().unwrap();
    load.check(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_leader_is_killed_in_the_middle_of_a_batch_has_all_of_it_once_and_in_order() {
    leader_is_killed(1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_leader_is_killed_between_atomic_batches_has_all_of_it_once_and_in_order() {
    leader_is_killed(1).await;
}

fn impatient(proxy: &Proxy) -> JetStreamEventSinkBuilder {
    through(proxy)
        .window(10)
        .ack_timeout(Duration::from_millis(300))
        .retry_timeout(Duration::from_secs(1))
}

/// The trap: the client's time for an acknowledgement begins when somebody waits for it, one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_stalled_link_every_call_ends_in_time_and_what_is_sent_again_is_stored_once() {
    let (_server, client, proxy) = proxied().await;
    let sink = impatient(&proxy).build().await.unwrap();
    let mut load = Load::of(50);
    let batch = load.next(100);
    proxy.stall();
    let start = Instant::now();
    let answers = in_time(sink.send_batch(batch.clone())).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    for answer in &answers {
        assert_eq!(answer.as_ref().unwrap_err().kind(), SinkErrorKind::Timeout);
    }
    assert!(
        answers
            .iter()
            .any(|answer| answer.as_ref().unwrap_err().fate() == Fate::Unknown)
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
    load.answers = in_time(sink.send_batch(batch)).await;
    load.check(&client).await;
    in_time(sink.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_half_open_link_every_call_ends_in_time_and_what_is_sent_again_is_stored_once() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let (_server, client, proxy) = proxied().await;
        let sink = impatient(&proxy).build().await.unwrap();
        let mut load = Load::of(7);
        let batch = load.next(20);
        proxy.half_open(direction);
        let start = Instant::now();
        let answers = in_time(sink.send_batch(batch.clone())).await;
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        assert!(
            answers
                .iter()
                .all(|answer| answer.as_ref().is_err_and(SinkError::is_retryable)),
            "{answers:?}"
        );
        proxy.heal();
        load.answers = in_time(sink.send_batch(batch)).await;
        load.check(&client).await;
        in_time(sink.close()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_link_is_down_close_ends_in_time_and_nothing_is_sent_by_itself_later() {
    let (_server, client, proxy) = proxied().await;
    let sink = impatient(&proxy).build().await.unwrap();
    proxy.refuse(true);
    proxy.cut();
    wait_until("the link is down", PATIENCE, async || {
        !sink.connection().unwrap().is_connected()
    })
    .await;
    let event = Load::of(1).next(1).remove(0);
    let error = send(&sink, &event).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.fate()),
        (SinkErrorKind::Disconnected, Fate::NotSent),
        "{error}"
    );
    let start = Instant::now();
    let _ = in_time(sink.close()).await;
    assert!(start.elapsed() < Duration::from_secs(4));
    proxy.heal();
    assert!(read_stream(&client, STREAM).await.is_empty());
}

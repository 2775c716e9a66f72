//! Connections to a healthy broker that are cut, refused or stalled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, TopicSettings, ensure_topic};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;

use crate::support::load::{Load, expect_read_once_in_order, expect_stored_once_in_order};
use crate::support::{TEST_TIMEOUT, config_of, events, ids_of, in_time, next_delivery, read_ids};

const CUTS: usize = 15;

/// Starts a broker with a proxy and the default topic. Returns properties that connect through the proxy.
async fn broker() -> (KafkaBroker, ClientConfig) {
    let broker = tokio::task::spawn_blocking(|| KafkaBroker::start(KafkaConfig::new().proxied()).unwrap())
        .await
        .unwrap();
    in_time(ensure_topic(&config_of(&broker), &TopicSettings::new().partitions(3)))
        .await
        .unwrap();
    let mut config = ClientConfig::new();
    config.set(
        "bootstrap.servers",
        broker.bootstrap_servers(KafkaListener::Proxied).unwrap(),
    );
    (broker, config)
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_under_load_lose_and_duplicate_nothing() {
    let (broker, mut config) = broker().await;
    let sink = Arc::new(KafkaEventSink::new(config.clone()).unwrap());
    let load = Load::start(&sink, 50);
    for _ in 0..CUTS {
        load.wait_for_acks(200).await;
        // The sink may not have reconnected since the last cut.
        wait_until("a connection is cut", TEST_TIMEOUT, async || {
            broker.proxy().unwrap().cut() > 0
        })
        .await;
    }
    let sent = load.stop().await;
    assert_eq!(sink.state().producer_recreations(), 0);
    in_time(sink.close()).await.unwrap();
    expect_stored_once_in_order(config_of(&broker), &sent).await;

    // A standalone reader, too, reads each event once and in order. It fetches little at a time, so that each cut hits it
    // while it reads.
    config
        .set("queued.min.messages", "10")
        .set("fetch.message.max.bytes", "10000");
    let mut source = in_time(KafkaEventSource::builder(config).build()).await.unwrap();
    let between_cuts = sent.iter().map(Vec::len).sum::<usize>() / CUTS;
    expect_read_once_in_order(&mut source, &sent, |number| {
        if number % between_cuts == 0 {
            broker.proxy().unwrap().cut();
        }
    })
    .await;
    // The last cut may still cause an error.
    let rest = tokio::time::timeout(Duration::from_millis(500), next_delivery(&mut source)).await;
    assert!(rest.is_err(), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_broker_times_out_and_sink_reconnects() {
    let (broker, mut config) = broker().await;
    config.set("message.timeout.ms", "3000");
    let sink = KafkaEventSink::new(config).unwrap();
    let event = || events(GoalId::new(), 1).remove(0);
    in_time(sink.send(event())).await.unwrap();
    let proxy = broker.proxy().unwrap();
    proxy.refuse(true);
    proxy.cut();
    let start = Instant::now();
    let error = in_time(sink.send(event())).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Timeout, "{error}");
    assert!(start.elapsed() >= Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    in_time(sink.flush()).await.unwrap();
    proxy.heal();
    in_time(sink.send(event())).await.unwrap();
    in_time(sink.close()).await.unwrap();
}

/// To the broker a stalled connection looks like a killed consumer.
#[tokio::test(flavor = "multi_thread")]
async fn consumer_crash_before_commit_redelivers_all() {
    let (broker, mut config) = broker().await;
    let envelopes = events(GoalId::new(), 10);
    let sink = KafkaEventSink::new(config_of(&broker)).unwrap();
    for result in in_time(sink.send_batch(envelopes.clone())).await {
        result.unwrap();
    }
    config
        .set("session.timeout.ms", "6000")
        .set("auto.commit.interval.ms", "60000");
    let mut crashed = in_time(KafkaEventSource::builder(config).group("workers").build())
        .await
        .unwrap();
    let mut seen = read_ids(&mut crashed, 4).await;
    let unsettled = next_delivery(&mut crashed).await;
    broker.proxy().unwrap().stall();
    // The stalled proxy swallows its last commit.
    drop(unsettled);
    drop(crashed);
    let mut successor = in_time(KafkaEventSource::builder(config_of(&broker)).group("workers").build())
        .await
        .unwrap();
    // Nothing was committed.
    seen.extend(read_ids(&mut successor, 10).await);
    assert_eq!(seen[4..], ids_of(&envelopes));
    in_time(successor.close()).await.unwrap();
    broker.proxy().unwrap().heal();
}

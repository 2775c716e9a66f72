//! Links that are cut, refused and stalled between clients and a broker that is well.

use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, TopicSettings, ensure_topic};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;

use crate::support::load::{Load, are_read_once_in_order, are_stored_once_in_order};
use crate::support::{PATIENCE, config_of, events, ids, ids_of, in_time, next};

const CUTS: usize = 15;

/// A broker whose links can be broken, with the default topic, and the way through its proxy.
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
async fn links_that_are_cut_under_load_lose_and_double_nothing() {
    let (broker, mut config) = broker().await;
    let sink = Arc::new(KafkaEventSink::new(config.clone()).unwrap());
    let load = Load::start(&sink, 50);
    for _ in 0..CUTS {
        load.goes_on(200).await;
        // There may be none yet since the last one.
        wait_until("a link is cut", PATIENCE, async || broker.proxy().unwrap().cut() > 0).await;
    }
    let sent = load.end().await;
    assert_eq!(sink.state().producer_recreations(), 0);
    in_time(sink.close()).await.unwrap();
    are_stored_once_in_order(config_of(&broker), &sent).await;

    // By itself a reader sees each once and in order, too, whatever its links do. It asks for little at a time, so that
    // each cut meets it on its way.
    config
        .set("queued.min.messages", "10")
        .set("fetch.message.max.bytes", "10000");
    let mut source = in_time(KafkaEventSource::builder(config).build()).await.unwrap();
    let between_cuts = sent.iter().map(Vec::len).sum::<usize>() / CUTS;
    are_read_once_in_order(&mut source, &sent, |number| {
        if number % between_cuts == 0 {
            broker.proxy().unwrap().cut();
        }
    })
    .await;
    // No event; an error may be left of the last cut.
    let rest = tokio::time::timeout(Duration::from_millis(500), next(&mut source)).await;
    assert!(rest.is_err(), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_out_of_reach_is_told_in_time_and_found_again() {
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
    assert!(
        matches!(error.kind(), SinkErrorKind::Timeout | SinkErrorKind::Disconnected),
        "{error}"
    );
    assert!(error.is_retryable(), "{error}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    in_time(sink.flush()).await.unwrap();
    proxy.heal();
    in_time(sink.send(event())).await.unwrap();
    in_time(sink.close()).await.unwrap();
}

/// To the broker a link that says nothing more is a consumer that was killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_dies_between_work_and_commit_loses_nothing() {
    let (broker, mut config) = broker().await;
    let envelopes = events(GoalId::new(), 10);
    let sink = KafkaEventSink::new(config_of(&broker)).unwrap();
    for answer in in_time(sink.send_batch(envelopes.clone())).await {
        answer.unwrap();
    }
    config
        .set("session.timeout.ms", "6000")
        .set("auto.commit.interval.ms", "60000");
    let mut dying = in_time(KafkaEventSource::builder(config).group("workers").build())
        .await
        .unwrap();
    let mut seen = ids(&mut dying, 4).await;
    let in_hand = next(&mut dying).await;
    broker.proxy().unwrap().stall();
    // What it says now, nobody hears.
    drop(in_hand);
    drop(dying);
    let mut heir = in_time(KafkaEventSource::builder(config_of(&broker)).group("workers").build())
        .await
        .unwrap();
    // Nothing was committed, so all of it comes again.
    seen.extend(ids(&mut heir, 10).await);
    assert_eq!(seen[4..], ids_of(&envelopes));
    in_time(heir.close()).await.unwrap();
    broker.proxy().unwrap().heal();
}

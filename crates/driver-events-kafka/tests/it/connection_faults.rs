//! Connections to a healthy broker that are cut, refused or stalled.
//!
//! `cargo xtask faults kafka` cuts connections and kills brokers under load.

use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;

use crate::support::load::expect_read_once_in_order;
use crate::support::{
    config_of, create_topic, events, ids_of, in_time, next_delivery, proxied_broker, proxied_config_of, read_ids,
    unique_prefix,
};

const CUTS: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn standalone_reader_reads_once_in_order_through_cuts() {
    let broker = proxied_broker().await;
    let topic = unique_prefix();
    create_topic(&config_of(&broker), &topic, 3).await;
    let sink = KafkaEventSink::builder(config_of(&broker))
        .topic(&*topic)
        .build()
        .unwrap();
    let sent: Vec<_> = (0..4).map(|_| events(GoalId::new(), 1_000)).collect();
    for result in in_time(sink.send_batch(sent.concat())).await {
        result.unwrap();
    }
    in_time(sink.close()).await.unwrap();

    // It fetches little at a time, so that each cut hits it while it reads.
    let mut config = proxied_config_of(&broker);
    config
        .set("queued.min.messages", "10")
        .set("fetch.message.max.bytes", "10000");
    let source = KafkaEventSource::builder(config).topic(&*topic);
    let mut source = in_time(source.build()).await.unwrap();
    let proxy = broker.proxy().unwrap();
    let between_cuts = sent.concat().len() / CUTS;
    expect_read_once_in_order(&mut source, &sent, |number| {
        if number % between_cuts == 0 {
            proxy.cut();
        }
    })
    .await;
    // The last cut may still cause an error.
    let rest = tokio::time::timeout(Duration::from_millis(500), next_delivery(&mut source)).await;
    assert!(rest.is_err(), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_broker_times_out_and_sink_reconnects() {
    let broker = proxied_broker().await;
    let topic = unique_prefix();
    create_topic(&config_of(&broker), &topic, 1).await;
    let mut config = proxied_config_of(&broker);
    config.set("message.timeout.ms", "3000");
    let sink = KafkaEventSink::builder(config).topic(&*topic).build().unwrap();
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
    let broker = proxied_broker().await;
    let topic = unique_prefix();
    create_topic(&config_of(&broker), &topic, 3).await;
    let envelopes = events(GoalId::new(), 10);
    let sink = KafkaEventSink::builder(config_of(&broker))
        .topic(&*topic)
        .build()
        .unwrap();
    for result in in_time(sink.send_batch(envelopes.clone())).await {
        result.unwrap();
    }
    let mut config = proxied_config_of(&broker);
    config
        .set("session.timeout.ms", "6000")
        .set("auto.commit.interval.ms", "60000");
    let member = |config| KafkaEventSource::builder(config).topic(&*topic).group(&*topic).build();
    let mut crashed = in_time(member(config)).await.unwrap();
    let mut seen = read_ids(&mut crashed, 4).await;
    let unsettled = next_delivery(&mut crashed).await;
    broker.proxy().unwrap().stall();
    // The stalled proxy swallows its last commit.
    drop(unsettled);
    drop(crashed);
    let mut successor = in_time(member(config_of(&broker))).await.unwrap();
    // Nothing was committed.
    seen.extend(read_ids(&mut successor, 10).await);
    assert_eq!(seen[4..], ids_of(&envelopes));
    in_time(successor.close()).await.unwrap();
    broker.proxy().unwrap().heal();
}

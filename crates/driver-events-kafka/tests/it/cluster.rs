//! A cluster of three, of which some are killed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_events_core::{DriverEventSink, Fate, SinkErrorKind};
use driver_events_harness::{KafkaCluster, KafkaConfig, KafkaListener};
use driver_events_kafka::{KafkaEventSink, TopicSettings, ensure_topic};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use tokio::task::block_in_place;

use crate::load::Load;
use crate::support::{each_once_in_order, events, in_time};

/// One cluster and one test: it takes long to start.
#[tokio::test(flavor = "multi_thread")]
async fn events_outlive_their_leaders_and_wait_for_enough_replicas() {
    let settings = KafkaConfig::new()
        .property("replica.lag.time.max.ms", "2000")
        .property("offsets.topic.replication.factor", "3");
    let mut cluster = block_in_place(|| KafkaCluster::start(3, settings)).unwrap();
    let mut config = ClientConfig::new();
    let servers = cluster.bootstrap_servers(KafkaListener::Plain).unwrap();
    config.set("bootstrap.servers", servers);
    the_leader_is_killed(&mut cluster, &config).await;
    too_few_replicas(&mut cluster, &config).await;
}

async fn make(config: &ClientConfig, topic: &str, min_insync_replicas: u32) {
    let settings = TopicSettings::named(topic)
        .partitions(1)
        .replication(3)
        .min_insync_replicas(min_insync_replicas);
    in_time(ensure_topic(config, &settings)).await.unwrap();
}

async fn the_leader_is_killed(cluster: &mut KafkaCluster, config: &ClientConfig) {
    make(config, "led", 2).await;
    let sink = KafkaEventSink::builder(config.clone()).topic("led").build().unwrap();
    let sink = Arc::new(sink);
    let load = Load::on(&sink, 3, 200);
    load.go_on(500).await;
    block_in_place(|| {
        let leader = cluster.admin().unwrap().leader("led", 0).unwrap();
        cluster.broker(leader).unwrap().kill().unwrap();
    });
    // Receipts come from another leader, while this one is down.
    load.go_on(500).await;
    block_in_place(|| cluster.restart()).unwrap();
    let sent = load.stop().await;
    assert_eq!(sink.state().rebuilds(), 0);
    in_time(sink.close()).await.unwrap();
    each_once_in_order(config, "led", &sent).await;
}

/// Three must have each event, and one is down.
async fn too_few_replicas(cluster: &mut KafkaCluster, config: &ClientConfig) {
    make(config, "safe", 3).await;
    let patient = KafkaEventSink::builder(config.clone()).topic("safe").build().unwrap();
    let mut config_of_hasty = config.clone();
    config_of_hasty.set("message.timeout.ms", "3000");
    let hasty = KafkaEventSink::builder(config_of_hasty).topic("safe").build().unwrap();
    let goal = GoalId::new();
    let mut sent = events(goal, 1);
    for answer in in_time(patient.send_batch(sent.clone())).await {
        answer.unwrap();
    }
    block_in_place(|| {
        let admin = cluster.admin().unwrap();
        let follower = admin.leader("safe", 0).unwrap() % 3 + 1;
        cluster.broker(follower).unwrap().kill().unwrap();
    });
    driver_events_harness::wait_until("a follower is missed", crate::support::PATIENCE, async || {
        let partitions = block_in_place(|| cluster.admin().unwrap().partitions()).unwrap();
        let safe = partitions.iter().find(|partition| partition.topic == "safe");
        safe.is_some_and(|safe| safe.in_sync.len() == 2)
    })
    .await;
    let began = Instant::now();
    let error = in_time(hasty.send(events(GoalId::new(), 1).remove(0)))
        .await
        .unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(
        (error.kind(), error.fate()),
        (SinkErrorKind::Timeout, Fate::Unknown),
        "{error}"
    );
    // One that has more time is stored when the follower is back.
    let later = events(goal, 20);
    let sending = {
        let later = later.clone();
        tokio::spawn(async move { in_time(patient.send_batch(later)).await })
    };
    block_in_place(|| cluster.restart()).unwrap();
    for answer in in_time(sending).await.unwrap() {
        answer.unwrap();
    }
    sent.extend(later);
    each_once_in_order(config, "safe", &[sent]).await;
}

//! A cluster of three brokers: the leader is killed under load, and too few replicas are in sync.

use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_harness::{KafkaCluster, KafkaConfig, KafkaListener, wait_until};
use driver_events_kafka::{DEFAULT_TOPIC, KafkaEventSink, KafkaState, TopicSettings, ensure_topic};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;

use crate::support::load::{Load, expect_stored_once_in_order};
use crate::support::{TEST_TIMEOUT, events, in_time};

fn config(cluster: &KafkaCluster) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set(
        "bootstrap.servers",
        cluster.bootstrap_servers(KafkaListener::Plain).unwrap(),
    );
    config
}

/// Runs blocking work on the cluster and returns the cluster.
async fn with_cluster(cluster: KafkaCluster, work: impl FnOnce(&mut KafkaCluster) + Send + 'static) -> KafkaCluster {
    let work = tokio::task::spawn_blocking(move || {
        let mut cluster = cluster;
        work(&mut cluster);
        cluster
    });
    work.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn leader_crash_loses_none_and_too_few_replicas_time_out() {
    let mut cluster = tokio::task::spawn_blocking(|| KafkaCluster::start(3, KafkaConfig::new()).unwrap())
        .await
        .unwrap();
    let config = config(&cluster);
    let settings = TopicSettings::new().partitions(3).replication(3).min_insync_replicas(2);
    assert!(
        in_time(ensure_topic(&config, &settings))
            .await
            .unwrap()
            .warnings
            .is_empty()
    );
    // Created while all brokers run.
    let strict = TopicSettings::named("strict")
        .partitions(1)
        .replication(3)
        .min_insync_replicas(3);
    in_time(ensure_topic(&config, &strict)).await.unwrap();

    let sink = Arc::new(KafkaEventSink::new(config.clone()).unwrap());
    let load = Load::start(&sink, 50);
    load.wait_for_acks(500).await;
    cluster = with_cluster(cluster, |cluster| {
        let leader = cluster
            .admin()
            .unwrap()
            .wait_for_partition(DEFAULT_TOPIC, 0)
            .unwrap()
            .leader
            .unwrap();
        cluster.broker(leader).unwrap().kill().unwrap();
    })
    .await;
    // By the remaining two brokers.
    load.wait_for_acks(2_000).await;
    cluster = with_cluster(cluster, |cluster| cluster.restart().unwrap()).await;
    load.wait_for_acks(500).await;
    let sent = load.stop().await;
    assert_eq!(sink.state().producer_recreations(), 0);
    in_time(sink.close()).await.unwrap();
    expect_stored_once_in_order(config.clone(), &sent).await;

    too_few_replicas(cluster, config).await;
}

/// Events are not acknowledged with too few replicas in sync, and are once the replica is back.
async fn too_few_replicas(mut cluster: KafkaCluster, mut config: ClientConfig) {
    cluster = with_cluster(cluster, |cluster| {
        let leader = cluster
            .admin()
            .unwrap()
            .wait_for_partition("strict", 0)
            .unwrap()
            .leader
            .unwrap();
        let follower = 1 + leader % 3;
        cluster.broker(follower).unwrap().kill().unwrap();
    })
    .await;
    let admin = cluster.admin().unwrap();
    wait_until("a replica is out of sync", TEST_TIMEOUT, async || {
        let partitions = admin.partitions().unwrap();
        partitions
            .iter()
            .any(|found| found.topic == "strict" && found.in_sync.len() == 2)
    })
    .await;
    let observed = config.clone().set("statistics.interval.ms", "100").clone();
    let default_timeout = KafkaEventSink::builder(observed).topic("strict").build().unwrap();
    let state = default_timeout.state().clone();
    let short_timeout = KafkaEventSink::builder(config.set("message.timeout.ms", "3000").clone())
        .topic("strict")
        .build()
        .unwrap();
    let error = in_time(short_timeout.send(events(GoalId::new(), 1).remove(0)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Timeout, "{error}");
    assert!(error.is_retryable());
    let waiting = tokio::spawn(async move { default_timeout.send(events(GoalId::new(), 1).remove(0)).await });
    // The event that timed out is not in flight any more.
    let flushed = tokio::time::timeout(Duration::from_millis(300), short_timeout.flush()).await;
    assert!(matches!(flushed, Ok(Ok(()))), "{flushed:?}");
    wait_until(
        "the leader has refused the event, and it is sent again",
        TEST_TIMEOUT,
        async || transmissions(&state, "strict") >= 2,
    )
    .await;
    assert!(!waiting.is_finished(), "acknowledged with too few replicas");
    let _cluster = with_cluster(cluster, |cluster| cluster.restart().unwrap()).await;
    in_time(waiting).await.unwrap().unwrap();
    in_time(short_timeout.send(events(GoalId::new(), 1).remove(0)))
        .await
        .unwrap();
}

/// How often records were sent to the topic, retries included, as of the latest statistics.
fn transmissions(state: &KafkaState, topic: &str) -> u64 {
    let statistics = state.statistics();
    let topic = statistics.as_ref().and_then(|statistics| statistics.topics.get(topic));
    topic.map_or(0, |topic| {
        topic.partitions.values().map(|partition| partition.txmsgs).sum()
    })
}

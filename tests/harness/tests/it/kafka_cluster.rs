use std::time::Duration;

use driver_events_harness::{KafkaBroker, KafkaCluster, KafkaConfig, KafkaListener, wait_for};

const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn cluster_survives_the_loss_of_a_leader() {
    let mut cluster = KafkaCluster::start(3, KafkaConfig::new().min_in_sync_replicas(2)).unwrap();
    let ids: Vec<_> = cluster.servers().iter().map(KafkaBroker::id).collect();
    assert_eq!(ids, [1, 2, 3]);
    let servers = cluster.bootstrap_servers(KafkaListener::Plain).unwrap();
    assert_eq!(servers.split(',').count(), 3);
    assert!(cluster.broker(4).is_err());
    cluster.admin().unwrap().create_topic("t", 1, 3, &[]).unwrap();
    cluster.wait_until_ready().unwrap();

    let leader = cluster.admin().unwrap().leader("t", 0).unwrap();
    cluster.broker(leader).unwrap().kill().unwrap();
    let admin = cluster.admin().unwrap();
    let other_leader = async || admin.leader("t", 0).ok().filter(|now| *now != leader);
    let next = wait_for("another broker is the leader", TIMEOUT, other_leader).await;
    assert!(ids.contains(&next));
    cluster.wait_until_ready().unwrap();
    cluster.servers()[usize::try_from(next).unwrap() - 1]
        .write_with_console("t", &[("key", "value")])
        .unwrap();

    // No broker can start alone: all must be launched together.
    for id in ids {
        cluster.broker(id).unwrap().kill().unwrap();
    }
    cluster.restart().unwrap();
    let mut in_sync = cluster.admin().unwrap().partitions().unwrap().remove(0).in_sync;
    in_sync.sort_unstable();
    assert_eq!(in_sync, [1, 2, 3]);
    let restarted = cluster.broker(leader).unwrap();
    let records = restarted.read_with_console("t", 1).unwrap();
    assert_eq!(records[0].value.as_deref(), Some("value"));
}

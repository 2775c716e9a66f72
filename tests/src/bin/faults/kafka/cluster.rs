//! A cluster that loses a broker in the middle of batches.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use driver_events_core::DriverEventSink;
use driver_events_harness::{KafkaCluster, KafkaListener};
use tokio::task::block_in_place;

use super::servers::{Servers, config};
use super::topic::Topic;
use crate::fault_timer::wait_until;
use crate::load::{Load, SendMode};
use crate::random::Random;
use crate::row::{Fault, Row};

const EVENTS: u64 = 3_000;
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(25);
/// Shorter than the downtime of a broker.
const SHORT_TIMEOUT: Duration = Duration::from_secs(4);
/// A light load, since it continues while a broker restarts.
const SEND_MODE: SendMode = SendMode::SendBatch {
    goals: 32,
    events_per_goal: 2,
};

/// Two of three brokers continue, and the third catches up.
pub(super) async fn leader_killed(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let mut cluster = servers.take_cluster()?;
    let direct = direct(&cluster)?;
    let topic = Topic::create(servers.topic(), direct.clone(), |new| {
        new.partitions(3).replication(3).min_insync_replicas(2)
    })
    .await?;
    let sink = topic.sink(direct, MESSAGE_TIMEOUT)?;
    let loaded: Arc<dyn DriverEventSink> = Arc::clone(&sink) as _;
    let load = Load::start(&loaded, &topic.recorder, SEND_MODE);
    let fault_timer = topic.fault_timer();
    let partition = block_in_place(|| cluster.admin()?.wait_for_partition(&topic.name, 0))?;
    let leader = partition.leader.context("the partition has no leader")?;
    fault_timer.wait(random, EVENTS).await?;
    block_in_place(|| cluster.broker(leader)?.kill())?;
    row.count_fault(Fault::Kill);
    fault_timer.wait(random, EVENTS).await?;
    block_in_place(|| cluster.restart())?;
    fault_timer.wait(random, EVENTS).await?;
    load.finish().await?;
    topic.verify(&sink, MESSAGE_TIMEOUT, row).await?;
    servers.put_back_cluster(cluster);
    Ok(())
}

/// The leader rejects events until the other replica returns: calls fail within their timeout.
pub(super) async fn too_few_replicas(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let mut cluster = servers.take_cluster()?;
    let direct = direct(&cluster)?;
    let topic = Topic::create(servers.topic(), direct.clone(), |new| {
        new.partitions(1).replication(2).min_insync_replicas(2)
    })
    .await?;
    let sink = topic.sink(direct, SHORT_TIMEOUT)?;
    let loaded: Arc<dyn DriverEventSink> = Arc::clone(&sink) as _;
    let load = Load::start(&loaded, &topic.recorder, SEND_MODE);
    let fault_timer = topic.fault_timer();
    fault_timer.wait(random, EVENTS).await?;
    let follower = block_in_place(|| follower(&cluster, &topic.name))?;
    block_in_place(|| cluster.broker(follower)?.kill())?;
    row.count_fault(Fault::Kill);
    let errors = || topic.recorder.recorded().errors.values().sum::<u64>();
    wait_until("a call fails", || errors() > 0).await?;
    block_in_place(|| cluster.restart())?;
    fault_timer.wait(random, EVENTS).await?;
    load.finish().await?;
    topic.verify(&sink, SHORT_TIMEOUT, row).await?;
    servers.put_back_cluster(cluster);
    Ok(())
}

fn direct(cluster: &KafkaCluster) -> Result<rdkafka::ClientConfig> {
    Ok(config(&cluster.bootstrap_servers(KafkaListener::Plain)?))
}

/// A broker that has a replica of the topic's first partition and is not its leader.
fn follower(cluster: &KafkaCluster, topic: &str) -> Result<i32> {
    let found = cluster.admin()?.wait_for_partition(topic, 0)?;
    let follower = found.replicas.iter().find(|id| found.leader != Some(**id));
    follower.copied().context("the partition has no follower")
}

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
/// Shorter than a broker is away.
const SHORT_TIMEOUT: Duration = Duration::from_secs(4);
/// No more than this: it goes on while a broker comes back, which takes its time.
const SEND_MODE: SendMode = SendMode::SendBatch {
    goals: 32,
    events_per_goal: 2,
};

/// The two that are left go on, and the third catches up.
pub(super) async fn leader_killed(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let mut cluster = servers.take_cluster()?;
    let way = way(&cluster)?;
    let topic = Topic::make(servers.topic(), way.clone(), |new| {
        new.partitions(3).replication(3).min_insync_replicas(2)
    })
    .await?;
    let sink = topic.sink(way, MESSAGE_TIMEOUT)?;
    let loaded: Arc<dyn DriverEventSink> = Arc::clone(&sink) as _;
    let load = Load::start(&loaded, &topic.recorder, SEND_MODE);
    let fault_timer = topic.fault_timer();
    let leader = block_in_place(|| cluster.admin()?.leader(&topic.name, 0))?;
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

/// The leader refuses events until the other replica is back: callers are told in time.
pub(super) async fn too_few_replicas(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let mut cluster = servers.take_cluster()?;
    let way = way(&cluster)?;
    let topic = Topic::make(servers.topic(), way.clone(), |new| {
        new.partitions(1).replication(2).min_insync_replicas(2)
    })
    .await?;
    let sink = topic.sink(way, SHORT_TIMEOUT)?;
    let loaded: Arc<dyn DriverEventSink> = Arc::clone(&sink) as _;
    let load = Load::start(&loaded, &topic.recorder, SEND_MODE);
    let fault_timer = topic.fault_timer();
    fault_timer.wait(random, EVENTS).await?;
    let follower = block_in_place(|| follower(&cluster, &topic.name))?;
    block_in_place(|| cluster.broker(follower)?.kill())?;
    row.count_fault(Fault::Kill);
    let errors = || topic.recorder.recorded().errors.values().sum::<u64>();
    wait_until("an error is told", || errors() > 0).await?;
    block_in_place(|| cluster.restart())?;
    fault_timer.wait(random, EVENTS).await?;
    load.finish().await?;
    topic.verify(&sink, SHORT_TIMEOUT, row).await?;
    servers.put_back_cluster(cluster);
    Ok(())
}

fn way(cluster: &KafkaCluster) -> Result<rdkafka::ClientConfig> {
    Ok(config(&cluster.bootstrap_servers(KafkaListener::Plain)?))
}

/// Who holds the topic's first partition and does not lead it.
fn follower(cluster: &KafkaCluster, topic: &str) -> Result<i32> {
    let partitions = cluster.admin()?.partitions()?;
    let found = partitions.iter().find(|found| found.topic == topic);
    let found = found.context("the topic is not there")?;
    let follower = found.replicas.iter().find(|id| found.leader != Some(**id));
    follower.copied().context("the partition has no follower")
}

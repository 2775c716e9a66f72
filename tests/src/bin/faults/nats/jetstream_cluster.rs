//! A cluster whose stream loses its leader during batches.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::Client;
use async_nats::jetstream;
use driver_events_core::DriverEventSink;
use driver_events_harness::{NatsCluster, NatsConfig};
use driver_events_nats::{JetStreamEventSink, NatsOptions, StreamSettings, ensure_stream};
use tokio::task::block_in_place;

use super::stream::{GRACE, STREAM, fault_timer, quick, verify};
use crate::fault_timer::retry;
use crate::load::{Load, SendMode};
use crate::memory;
use crate::random::Random;
use crate::recorder::Recorder;
use crate::row::{Fault, Row};

const MESSAGES: u64 = 1_500;
const RETRY_TIMEOUT: Duration = Duration::from_secs(40);
/// Many goals with one event of each in flight, and one goal with atomic batches.
const SEND_MODES: [SendMode; 2] = [
    SendMode::SendBatch {
        goals: 128,
        events_per_goal: 4,
    },
    SendMode::SendBatch {
        goals: 1,
        events_per_goal: 500,
    },
];

pub(super) async fn leader_killed(random: &mut Random, row: &mut Row) -> Result<()> {
    let mut cluster = block_in_place(|| NatsCluster::start(3, NatsConfig::new()))?;
    for mode in SEND_MODES {
        let memory = memory::resident();
        let client = connect(&cluster).await?;
        create_stream(&client).await?;
        let mut servers = cluster
            .servers()
            .iter()
            .map(|server| server.client_address().to_string());
        let first = servers.next().context("the cluster has servers")?;
        let options = quick(servers.fold(NatsOptions::new(first), NatsOptions::server));
        let builder = JetStreamEventSink::builder(STREAM)
            .options(options)
            .retry_timeout(RETRY_TIMEOUT);
        let sink = builder.build().await?;
        let recorder = Arc::<Recorder>::default();
        let fault_timer = fault_timer(&sink, &recorder)?;
        let sink: Arc<dyn DriverEventSink> = Arc::new(sink);
        let load = Load::start(&sink, &recorder, mode);
        let leader = leader(&client).await?;
        fault_timer.wait(random, MESSAGES).await?;
        block_in_place(|| cluster.server(&leader)?.kill())?;
        row.count_fault(Fault::Kill);
        // Two of three servers continue, and the third catches up.
        fault_timer.wait(random, MESSAGES).await?;
        block_in_place(|| {
            cluster.server(&leader)?.restart()?;
            cluster.wait_until_ready()
        })?;
        load.finish().await?;
        sink.close().await?;
        let client = connect(&cluster).await?;
        row.check_no_errors(&recorder);
        verify(&client, &recorder, row, RETRY_TIMEOUT + GRACE, memory).await?;
        jetstream::new(client).delete_stream(STREAM).await?;
    }
    Ok(())
}

/// Retries: a server that has just restarted is not assigned replicas for a moment.
async fn create_stream(client: &Client) -> Result<()> {
    let settings = StreamSettings::new(STREAM).replicas(3);
    retry("stream", async || ensure_stream(client, &settings).await)
        .await
        .map(drop)
}

async fn connect(cluster: &NatsCluster) -> Result<Client> {
    Ok(async_nats::connect(cluster.client_url().split(',').collect::<Vec<_>>()).await?)
}

async fn leader(client: &Client) -> Result<String> {
    let mut stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
    let cluster = stream.info().await?.cluster.as_ref();
    let leader = cluster.and_then(|cluster| cluster.leader.clone());
    leader.context("the stream has no leader")
}

//! A broker that freezes under load with open connections, and resumes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use driver_events_core::DriverEventSink;

use super::servers::Servers;
use super::topic::Topic;
use crate::load::{Load, SendMode};
use crate::random::Random;
use crate::row::{Fault, Row};

const MESSAGE_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter and longer than `message.timeout.ms`: the second freeze causes errors and retries.
const FREEZES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
const EVENTS: u64 = 3_000;

pub(super) async fn run(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let broker = servers.take_broker()?;
    let topic = Topic::create(servers.topic(), broker.direct()?, |new| new.partitions(4)).await?;
    let sink = topic.sink(broker.direct()?, MESSAGE_TIMEOUT)?;
    let loaded: Arc<dyn DriverEventSink> = Arc::clone(&sink) as _;
    let load = Load::start(
        &loaded,
        &topic.recorder,
        SendMode::SendBatch {
            goals: 32,
            events_per_goal: 4,
        },
    );
    let fault_timer = topic.fault_timer();
    for freeze in FREEZES {
        fault_timer.wait(random, EVENTS).await?;
        broker.kafka.freeze()?;
        row.count_fault(Fault::Other);
        tokio::time::sleep(freeze).await;
        broker.kafka.thaw()?;
    }
    fault_timer.wait(random, EVENTS).await?;
    load.finish().await?;
    topic.verify(&sink, MESSAGE_TIMEOUT, row).await?;
    servers.put_back_broker(broker);
    Ok(())
}

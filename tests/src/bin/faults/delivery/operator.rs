//! Acts of an operator that stop the delivery to a stream, and are undone.

use std::time::Duration;

use anyhow::Result;
use async_nats::jetstream;
use driver_events_spool::TargetState;

use super::brokers::STREAM;
use super::rig::{Rig, Target};
use crate::kafka::Servers;
use crate::random::Random;
use crate::row::{Fault, Row};

const EVENTS: u64 = 500;
const REVOCATIONS: usize = 2;
/// Upper bound of the time without a stream.
const MAX_DELETED_MILLIS: u64 = 1_000;

/// The driver loses the permission to publish: delivery stops and resumes, without a dead letter.
pub(super) async fn revoked(target: Target, servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let mut rig = Rig::start(servers, &[target]).await?;
    if target == Target::Kafka {
        rig.settings.kafka = Some(rig.kafka()?.user_target()?);
        rig.set_permission(target, true)?;
    }
    rig.start_driver()?;
    for _ in 0..REVOCATIONS {
        rig.wait_accepted(usize::try_from(1 + random.below(EVENTS))?).await?;
        rig.set_permission(target, false)?;
        row.count_fault(Fault::Other);
        rig.wait_state(TargetState::Stopped).await?;
        rig.set_permission(target, true)?;
        rig.wait_delivered(target).await?;
        rig.wait_state(TargetState::Delivering).await?;
    }
    rig.finish(servers, row).await
}

/// The stream is deleted under load. Its events are deleted on purpose; later ones are in the new stream.
pub(super) async fn deleted(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let mut rig = Rig::start(servers, &[Target::JetStream]).await?;
    rig.start_driver()?;
    rig.wait_accepted(usize::try_from(1 + random.below(EVENTS))?).await?;
    let client = rig.nats()?.client().await?;
    jetstream::new(client).delete_stream(STREAM).await?;
    row.count_fault(Fault::Other);
    rig.expected.first_counted = rig.entries()?;
    tokio::time::sleep(Duration::from_millis(random.below(MAX_DELETED_MILLIS))).await;
    rig.nats()?.create_stream().await?;
    rig.wait_accepted(usize::try_from(EVENTS)?).await?;
    rig.finish(servers, row).await
}

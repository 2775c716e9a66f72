//! A permission is revoked under load, and granted again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_harness::{KafkaOperation, KafkaResource};

use super::servers::{Servers, USER};
use super::topic::Topic;
use crate::fault_timer::wait_until;
use crate::load::{Load, SendMode};
use crate::random::Random;
use crate::row::{Fault, Row};

const REVOCATIONS: usize = 2;
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);
const EVENTS: u64 = 1_000;

/// Rejected events fail with `Unauthorized`, and a retry stores them once the permission is granted.
pub(super) async fn revoked(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let broker = servers.take_broker()?;
    let topic = Topic::create(servers.topic(), broker.direct()?, |new| new.partitions(4)).await?;
    let admin = broker.kafka.admin();
    let (user, resource) = (format!("User:{USER}"), KafkaResource::Topic(&topic.name));
    admin.allow(&user, resource, KafkaOperation::Write)?;
    let sink = topic.sink(broker.as_user()?, MESSAGE_TIMEOUT)?;
    let loaded: Arc<dyn DriverEventSink> = Arc::clone(&sink) as _;
    let also_retry = Some(SinkErrorKind::Unauthorized);
    let load = Load::start_retrying(&loaded, &topic.recorder, SendMode::Send { goals: 16 }, also_retry);
    let fault_timer = topic.fault_timer();
    let refused = || {
        let entries = topic.recorder.recorded();
        entries.errors.get(&SinkErrorKind::Unauthorized).copied().unwrap_or(0)
    };
    for _ in 0..REVOCATIONS {
        fault_timer.wait(random, EVENTS).await?;
        let before = refused();
        admin.revoke(&user, resource, KafkaOperation::Write)?;
        row.count_fault(Fault::Other);
        wait_until("an event is rejected", || refused() > before).await?;
        admin.allow(&user, resource, KafkaOperation::Write)?;
    }
    fault_timer.wait(random, EVENTS).await?;
    load.finish().await?;
    topic.verify(&sink, MESSAGE_TIMEOUT, row).await?;
    servers.put_back_broker(broker);
    Ok(())
}

//! A permission that is taken away under load, and given back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_harness::{KafkaOperation, KafkaResource};

use super::servers::{Servers, USER};
use super::topic::Topic;
use crate::load::{Load, Shape};
use crate::pace::until;
use crate::random::Random;
use crate::row::{Fault, Row};

const REVOCATIONS: usize = 2;
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);
const EVENTS: u64 = 1_000;

/// What is refused is told so, and stored when it is sent again with the permission.
pub(super) async fn revoked(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let broker = servers.take_broker()?;
    let topic = Topic::make(servers.topic(), broker.direct()?, |new| new.partitions(4)).await?;
    let admin = broker.kafka.admin();
    let (user, resource) = (format!("User:{USER}"), KafkaResource::Topic(&topic.name));
    admin.allow(&user, resource, KafkaOperation::Write)?;
    let sink = topic.sink(broker.as_user()?, MESSAGE_TIMEOUT)?;
    let loaded: Arc<dyn DriverEventSink> = Arc::clone(&sink) as _;
    let insists_after = Some(SinkErrorKind::Unauthorized);
    let load = Load::start_insisting(&loaded, &topic.account, Shape::Single { goals: 16 }, insists_after);
    let pace = topic.pace();
    let refused = || {
        let entries = topic.account.entries();
        entries.errors.get(&SinkErrorKind::Unauthorized).copied().unwrap_or(0)
    };
    for _ in 0..REVOCATIONS {
        pace.wait(random, EVENTS).await?;
        let before = refused();
        admin.revoke(&user, resource, KafkaOperation::Write)?;
        row.did(Fault::Other);
        until("an event is refused", || refused() > before).await?;
        admin.allow(&user, resource, KafkaOperation::Write)?;
    }
    pace.wait(random, EVENTS).await?;
    load.finish().await?;
    topic.settle(&sink, MESSAGE_TIMEOUT, row).await?;
    servers.put_back_broker(broker);
    Ok(())
}

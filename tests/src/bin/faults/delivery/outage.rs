//! A broker that is dead while drivers run, are killed, and end.

use std::time::Duration;

use anyhow::Result;

use super::rig::{Rig, Target};
use crate::kafka::Servers;
use crate::random::Random;
use crate::row::Row;

const DRIVER_KILLS: usize = 2;
const EVENTS: usize = 600;
const MAX_KILL_DELAY: Duration = Duration::from_millis(500);
/// The process ends although the broker is dead.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);

/// The other target gets every event meanwhile, and the dead one after its return.
pub(super) async fn run(dead: Target, servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let mut rig = Rig::start(servers, &[Target::JetStream, Target::Kafka]).await?;
    rig.kill_broker(dead, row)?;
    for _ in 0..DRIVER_KILLS {
        rig.start_driver()?;
        rig.kill_driver_at_random(random, MAX_KILL_DELAY, row).await?;
    }
    rig.start_driver()?;
    rig.wait_accepted(EVENTS).await?;
    let alive = match dead {
        Target::JetStream => Target::Kafka,
        Target::Kafka => Target::JetStream,
    };
    rig.wait_delivered(alive).await?;
    rig.settings.close_timeout = CLOSE_TIMEOUT;
    rig.kill_driver(row)?;
    rig.start_driver()?;
    rig.close_driver().await?;
    rig.restart_broker(dead)?;
    rig.finish(servers, row).await
}

//! A broker that is dead while drivers run, are killed, and end.

use std::time::Duration;

use anyhow::Result;
use tokio::task::block_in_place;

use super::ledger::Entry;
use super::read_back::{messages, records};
use super::rig::{Rig, Target};
use crate::fault_timer::wait_until;
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
    let accepted = rig.ledger.count_from(0, |entry| matches!(entry, Entry::Accepted(_)));
    match dead {
        Target::JetStream => {
            let (config, topic) = (rig.kafka()?.config()?, rig.kafka()?.topic.clone());
            wait_until("Kafka has the events", || {
                block_in_place(|| records(&config, &topic)).is_ok_and(|count| count >= accepted as u64)
            })
            .await?;
        }
        Target::Kafka => {
            let client = rig.nats()?.client().await?;
            let counted = || tokio::runtime::Handle::current().block_on(messages(&client));
            wait_until("JetStream has the events", || {
                block_in_place(counted).is_ok_and(|count| count >= accepted as u64)
            })
            .await?;
        }
    }
    rig.settings.close_timeout = CLOSE_TIMEOUT;
    rig.kill_driver(row)?;
    rig.start_driver()?;
    rig.close_driver().await?;
    rig.restart_broker(dead)?;
    rig.finish(servers, row).await
}

//! Driver processes and brokers are killed at random moments under load.

use std::time::Duration;

use anyhow::Result;

use super::rig::{Rig, Target};
use crate::kafka::Servers;
use crate::random::Random;
use crate::row::Row;

const DRIVER_KILLS: usize = 30;
/// Fewer: each process first connects, which takes longer.
const DRIVER_KILLS_KAFKA: usize = 15;
const NATS_KILLS: usize = 10;
/// Fewer: a restart takes seconds.
const KAFKA_KILLS: usize = 4;
/// Upper bounds of the delay before a kill. Some hit the start, or the recovery of the file.
const JETSTREAM_DELAY: Duration = Duration::from_millis(500);
const KAFKA_DELAY: Duration = Duration::from_millis(1_000);

#[derive(Clone, Copy, Debug, Default)]
enum Kill {
    #[default]
    Driver,
    Broker(Target),
}

pub(super) async fn driver(
    target: Target,
    servers: &mut Servers,
    random: &mut Random,
    fault_divisor: usize,
    row: &mut Row,
) -> Result<()> {
    let (kills, delay) = match target {
        Target::JetStream => (DRIVER_KILLS, JETSTREAM_DELAY),
        Target::Kafka => (DRIVER_KILLS_KAFKA, KAFKA_DELAY),
    };
    let mut rig = Rig::start(servers, &[target]).await?;
    for _ in 0..kills.div_ceil(fault_divisor) {
        rig.start_driver()?;
        match random.below(4) {
            0 => rig.kill_driver_in_checkpoint(row)?,
            _ => rig.kill_driver_at_random(random, delay, row).await?,
        }
    }
    rig.finish(servers, row).await
}

pub(super) async fn driver_and_brokers(
    servers: &mut Servers,
    random: &mut Random,
    fault_divisor: usize,
    row: &mut Row,
) -> Result<()> {
    let mut rig = Rig::start(servers, &[Target::JetStream, Target::Kafka]).await?;
    let mut kills = [
        vec![Kill::Driver; DRIVER_KILLS_KAFKA.div_ceil(fault_divisor)],
        vec![Kill::Broker(Target::JetStream); NATS_KILLS.div_ceil(fault_divisor)],
        vec![Kill::Broker(Target::Kafka); KAFKA_KILLS.div_ceil(fault_divisor)],
    ]
    .concat();
    random.shuffle(&mut kills);
    rig.start_driver()?;
    for kill in kills {
        let Kill::Broker(target) = kill else {
            rig.kill_driver_at_random(random, KAFKA_DELAY, row).await?;
            rig.start_driver()?;
            continue;
        };
        rig.wait_accepted(usize::try_from(random.below(500))?).await?;
        rig.kill_broker(target, row)?;
        // Every second time the driver dies during the outage, too.
        if random.below(2) == 0 {
            rig.kill_driver_at_random(random, JETSTREAM_DELAY, row).await?;
            rig.start_driver()?;
        }
        rig.restart_broker(target)?;
    }
    rig.finish(servers, row).await
}

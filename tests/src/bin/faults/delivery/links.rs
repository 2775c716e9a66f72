//! The links to both brokers are cut under load.

use anyhow::Result;

use super::rig::{Rig, Target};
use crate::kafka::Servers;
use crate::random::Random;
use crate::row::{Fault, Row};

const CUTS: usize = 40;
const MAX_EVENTS: u64 = 200;

pub(super) async fn run(servers: &mut Servers, random: &mut Random, fault_divisor: usize, row: &mut Row) -> Result<()> {
    let mut rig = Rig::start(servers, &[Target::JetStream, Target::Kafka]).await?;
    rig.start_driver()?;
    for _ in 0..CUTS.div_ceil(fault_divisor) {
        rig.wait_accepted(usize::try_from(1 + random.below(MAX_EVENTS))?)
            .await?;
        match random.below(2) {
            0 => rig.nats()?.cut_link().await?,
            _ => rig.kafka()?.cut_link().await?,
        }
        row.count_fault(Fault::Cut);
    }
    rig.finish(servers, row).await
}

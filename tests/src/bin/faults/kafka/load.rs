//! A broker is killed and a link is cut, repeatedly, under load.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use driver_events_core::DriverEventSink;

use super::servers::Servers;
use super::topic::Topic;
use crate::load::{Load, SendMode};
use crate::random::Random;
use crate::row::{Fault, Row};

const PARTITIONS: i32 = 4;
const KILLS: usize = 1;
const CUTS: usize = 5;
/// Upper bound of the number of events sent before each fault.
const EVENTS: u64 = 5_000;
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(25);

pub(super) async fn run(
    mode: SendMode,
    servers: &mut Servers,
    random: &mut Random,
    fault_divisor: usize,
    row: &mut Row,
) -> Result<()> {
    let mut broker = servers.take_broker()?;
    let topic = Topic::create(servers.topic(), broker.direct()?, |new| new.partitions(PARTITIONS)).await?;
    let sink = topic.sink(broker.proxied()?, MESSAGE_TIMEOUT)?;
    let loaded: Arc<dyn DriverEventSink> = Arc::clone(&sink) as _;
    let load = Load::start(&loaded, &topic.recorder, mode);
    let fault_timer = topic.fault_timer();
    for fault in faults(random, KILLS, CUTS, fault_divisor) {
        fault_timer.wait(random, EVENTS).await?;
        match fault {
            Fault::Kill => broker.kill_and_restart()?,
            _ => broker.cut_link().await?,
        }
        row.count_fault(fault);
    }
    fault_timer.wait(random, EVENTS).await?;
    load.finish().await?;
    let has_errors = !topic.recorder.recorded().errors.is_empty();
    row.check(has_errors || sink.state().producer_recreations() == 0, || {
        "the producer was re-created, although no event timed out".into()
    });
    topic.verify(&sink, MESSAGE_TIMEOUT, row).await?;
    servers.put_back_broker(broker);
    Ok(())
}

/// Kills and cuts in random order. Their number is divided by the divisor.
pub(super) fn faults(random: &mut Random, kills: usize, cuts: usize, fault_divisor: usize) -> Vec<Fault> {
    let mut faults = [vec![Fault::Kill; kills], vec![Fault::Cut; cuts]].concat();
    random.shuffle(&mut faults);
    faults.truncate((kills + cuts).div_ceil(fault_divisor));
    faults
}

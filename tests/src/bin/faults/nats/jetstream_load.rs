//! A server is killed and a link is cut, repeatedly, under load.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use driver_events_core::DriverEventSink;
use driver_events_nats::StreamSettings;
use tokio::task::block_in_place;

use super::stream::{Rig, STREAM, fault_timer};
use crate::fault_timer::cut_link;
use crate::load::{Load, SendMode};
use crate::random::Random;
use crate::row::{Fault, Row};

const KILLS: usize = 4;
const CUTS: usize = 20;
/// Upper bound of the number of messages sent before each fault.
const MESSAGES: u64 = 1_500;
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) async fn run(mode: SendMode, random: &mut Random, fault_divisor: usize, row: &mut Row) -> Result<()> {
    let mut rig = Rig::start(&StreamSettings::new(STREAM)).await?;
    let sink = rig.sink(RETRY_TIMEOUT).await?;
    let fault_timer = fault_timer(&sink, &rig.recorder)?;
    let sink: Arc<dyn DriverEventSink> = Arc::new(sink);
    let load = Load::start(&sink, &rig.recorder, mode);
    let mut faults = [
        vec![Fault::Kill; KILLS.div_ceil(fault_divisor)],
        vec![Fault::Cut; CUTS.div_ceil(fault_divisor)],
    ]
    .concat();
    random.shuffle(&mut faults);
    for fault in faults {
        fault_timer.wait(random, MESSAGES).await?;
        if fault == Fault::Kill {
            block_in_place(|| {
                rig.server.kill()?;
                rig.server.restart()
            })?;
        } else {
            cut_link(&rig.proxy).await?;
        }
        row.count_fault(fault);
    }
    load.finish().await?;
    sink.close().await?;
    row.check_no_errors(&rig.recorder);
    rig.verify(row, RETRY_TIMEOUT).await?;
    let has_lost_acks = row.duplicate_acks > 0;
    // A short run has too few faults to be sure of it.
    row.check(fault_divisor > 1 || has_lost_acks, || {
        "no ack was lost: no fault hit an event in flight".to_owned()
    });
    Ok(())
}

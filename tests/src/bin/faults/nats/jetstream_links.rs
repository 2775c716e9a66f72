//! Links that are open and do not pass data.

use std::time::Duration;

use anyhow::Result;
use driver_events_core::DriverEventSink;
use driver_events_harness::Direction;
use driver_events_nats::StreamSettings;

use super::stream::{Rig, STREAM, send, store};
use crate::event::Event;
use crate::row::{Fault, Row};

const EVENTS: u32 = 20;
const RETRY_TIMEOUT: Duration = Duration::from_millis(500);

/// Every call returns in time. A retry after recovery is stored once, although the event in flight arrives too.
pub(super) async fn stall(row: &mut Row) -> Result<()> {
    let rig = Rig::start(&StreamSettings::new(STREAM)).await?;
    let sink = rig.sink(RETRY_TIMEOUT).await?;
    for number in 0..2 * EVENTS {
        let event = Event { goal: 0, number };
        let envelope = event.envelope();
        if number == EVENTS {
            rig.proxy.stall();
            row.count_fault(Fault::Other);
            let is_stored = send(&sink, &rig.recorder, event, &envelope).await?;
            row.check(!is_stored, || "acknowledged over a stalled link".into());
            rig.proxy.resume();
        }
        store(&sink, &rig.recorder, event, &envelope).await?;
    }
    sink.close().await?;
    rig.verify(row, RETRY_TIMEOUT).await
}

/// First requests are lost, then acks: in the second case the event is stored without an ack.
pub(super) async fn half_open(row: &mut Row) -> Result<()> {
    let rig = Rig::start(&StreamSettings::new(STREAM)).await?;
    let sink = rig.sink(RETRY_TIMEOUT).await?;
    for (number, swallowed) in (0..).zip([None, Some(Direction::ToServer), None, Some(Direction::ToClient), None]) {
        let event = Event { goal: 0, number };
        let envelope = event.envelope();
        if let Some(direction) = swallowed {
            rig.proxy.half_open(direction);
            row.count_fault(Fault::Other);
            let is_stored = send(&sink, &rig.recorder, event, &envelope).await?;
            row.check(!is_stored, || "acknowledged over a half-open link".into());
            rig.proxy.heal();
        }
        store(&sink, &rig.recorder, event, &envelope).await?;
    }
    sink.close().await?;
    rig.verify(row, RETRY_TIMEOUT).await
}

//! Links that are there and do not work.

use std::time::Duration;

use anyhow::Result;
use driver_events_core::DriverEventSink;
use driver_events_harness::Direction;
use driver_events_nats::StreamSettings;

use super::stream::{Rig, STREAM, send};
use crate::event::Event;
use crate::row::{Fault, Row};

const EVENTS: u32 = 20;
const RETRY_TIMEOUT: Duration = Duration::from_millis(500);

/// Every call ends in time, and what is sent again when the link works is stored once: what was under way arrives too.
pub(super) async fn stall(row: &mut Row) -> Result<()> {
    let rig = Rig::start(&StreamSettings::new(STREAM)).await?;
    let sink = rig.sink(RETRY_TIMEOUT).await?;
    let event = |number| Event { goal: 0, number };
    for number in 0..EVENTS {
        row.expect(send(&sink, &rig.account, event(number)).await?, || {
            "not stored on a sound link".into()
        });
    }
    rig.proxy.stall();
    row.did(Fault::Other);
    row.expect(!send(&sink, &rig.account, event(EVENTS)).await?, || {
        "stored over a stalled link".into()
    });
    rig.proxy.resume();
    for number in EVENTS..2 * EVENTS {
        while !send(&sink, &rig.account, event(number)).await? {}
    }
    sink.close().await?;
    rig.settle(row, RETRY_TIMEOUT).await
}

/// First what is sent vanishes, then what is answered: stored, and not told.
pub(super) async fn half_open(row: &mut Row) -> Result<()> {
    let rig = Rig::start(&StreamSettings::new(STREAM)).await?;
    let sink = rig.sink(RETRY_TIMEOUT).await?;
    let mut number = 0;
    for direction in [Direction::ToServer, Direction::ToClient] {
        for _ in 0..EVENTS {
            while !send(&sink, &rig.account, Event { goal: 0, number }).await? {}
            number += 1;
        }
        rig.proxy.half_open(direction);
        row.did(Fault::Other);
        let is_stored = send(&sink, &rig.account, Event { goal: 0, number }).await?;
        row.expect(!is_stored, || "acknowledged over a half-open link".into());
        rig.proxy.heal();
    }
    while !send(&sink, &rig.account, Event { goal: 0, number }).await? {}
    sink.close().await?;
    rig.settle(row, RETRY_TIMEOUT).await
}

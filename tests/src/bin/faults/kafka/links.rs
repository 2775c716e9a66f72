//! Links that are open and do not pass data. An event that is retried because of that may be stored twice, as the error
//! says.

use std::time::Duration;

use anyhow::Result;
use driver_events_harness::Direction;

use super::servers::Servers;
use super::topic::{Topic, send, store};
use crate::event::Event;
use crate::row::{Fault, Row};

const EVENTS: u32 = 20;
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(1);

/// Every call returns within its timeout, and a retry after recovery stores the event.
pub(super) async fn stall(servers: &mut Servers, row: &mut Row) -> Result<()> {
    let broker = servers.take_broker()?;
    let topic = Topic::create(servers.topic(), broker.direct()?, |new| new.partitions(1)).await?;
    let sink = topic.sink(broker.proxied()?, MESSAGE_TIMEOUT)?;
    for number in 0..2 * EVENTS {
        let event = Event { goal: 0, number };
        let envelope = event.envelope();
        if number == EVENTS {
            let proxy = broker.kafka.proxy()?;
            proxy.stall();
            row.count_fault(Fault::Other);
            let is_stored = send(&*sink, &topic.recorder, event, &envelope).await?;
            row.check(!is_stored, || "acknowledged over a stalled link".into());
            proxy.resume();
        }
        store(&*sink, &topic.recorder, event, &envelope).await?;
    }
    topic.verify(&sink, MESSAGE_TIMEOUT, row).await?;
    servers.put_back_broker(broker);
    Ok(())
}

/// First requests are lost, then responses: in the second case the event is stored without an ack.
pub(super) async fn half_open(servers: &mut Servers, row: &mut Row) -> Result<()> {
    let broker = servers.take_broker()?;
    let topic = Topic::create(servers.topic(), broker.direct()?, |new| new.partitions(1)).await?;
    let sink = topic.sink(broker.proxied()?, MESSAGE_TIMEOUT)?;
    let proxy = broker.kafka.proxy()?;
    for (number, swallowed) in (0..).zip([None, Some(Direction::ToServer), None, Some(Direction::ToClient), None]) {
        let event = Event { goal: 0, number };
        let envelope = event.envelope();
        if let Some(direction) = swallowed {
            proxy.half_open(direction);
            row.count_fault(Fault::Other);
            let is_stored = send(&*sink, &topic.recorder, event, &envelope).await?;
            row.check(!is_stored, || "acknowledged over a half-open link".into());
            proxy.heal();
        }
        store(&*sink, &topic.recorder, event, &envelope).await?;
    }
    topic.verify(&sink, MESSAGE_TIMEOUT, row).await?;
    servers.put_back_broker(broker);
    Ok(())
}

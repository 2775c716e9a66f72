//! A group reads under load, through faults: every event that the sink acknowledged is read at least once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use driver_events_core::DriverEventSink;
use driver_events_kafka::KafkaEventSink;
use tokio::task::block_in_place;

use super::group::{End, GROUP, Ledger, Member};
use super::load::faults;
use super::log;
use super::servers::{Broker, Servers};
use super::topic::Topic;
use crate::fault_timer::wait_until;
use crate::load::{Load, SendMode};
use crate::random::Random;
use crate::row::{Fault, Row};

const PARTITIONS: i32 = 6;
const MEMBERS: usize = 3;
const KILLS: usize = 1;
const CUTS: usize = 5;
const CHANGES: usize = 10;
/// Fewer changes would leave a join, a close or a drop out of a short run.
const MIN_CHANGES: usize = 6;
/// Upper bound of the number of events read before each fault.
const EVENTS: u64 = 1_000;
const SEND_MODE: SendMode = SendMode::Send { goals: 16 };
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(25);

/// A topic under load, and the events that the group has read.
struct Reading {
    topic: Topic,
    sink: Arc<KafkaEventSink>,
    load: Load,
    ledger: Arc<Ledger>,
}

impl Reading {
    async fn start(servers: &mut Servers, broker: &Broker) -> Result<Self> {
        let topic = Topic::create(servers.topic(), broker.direct()?, |new| new.partitions(PARTITIONS)).await?;
        let sink = topic.sink(broker.direct()?, MESSAGE_TIMEOUT)?;
        let loaded: Arc<dyn DriverEventSink> = Arc::clone(&sink) as _;
        Ok(Self {
            load: Load::start(&loaded, &topic.recorder, SEND_MODE),
            topic,
            sink,
            ledger: Arc::default(),
        })
    }

    /// Waits until a random number of further events is read.
    async fn progress(&self, random: &mut Random) -> Result<()> {
        let due = self.ledger.acked() as u64 + 1 + random.below(EVENTS);
        wait_until("the group reads", || self.ledger.acked() as u64 >= due).await
    }

    /// Stops the load and waits until all events are read.
    async fn finish(self) -> Result<(Topic, Arc<KafkaEventSink>, Arc<Ledger>)> {
        self.load.finish().await?;
        self.ledger.wait_until_complete(&self.topic.recorder).await?;
        Ok((self.topic, self.sink, self.ledger))
    }
}

/// The broker is killed, and the links of the readers are cut.
pub(super) async fn kills_and_cuts(
    servers: &mut Servers,
    random: &mut Random,
    fault_divisor: usize,
    row: &mut Row,
) -> Result<()> {
    let mut broker = servers.take_broker()?;
    let reading = Reading::start(servers, &broker).await?;
    let mut members = Vec::new();
    for _ in 0..MEMBERS {
        members.push(Member::join(&broker.proxied()?, &reading.topic.name, &reading.ledger).await?);
    }
    for fault in faults(random, KILLS, CUTS, fault_divisor) {
        reading.progress(random).await?;
        match fault {
            Fault::Kill => broker.kill_and_restart()?,
            _ => broker.cut_link().await?,
        }
        row.count_fault(fault);
    }
    let (topic, sink, ledger) = reading.finish().await?;
    for member in members {
        member.leave(End::Closed).await?;
    }
    ledger.verify(&topic.recorder, row);
    topic.verify(&sink, MESSAGE_TIMEOUT, row).await?;
    servers.put_back_broker(broker);
    Ok(())
}

/// Members join, close, and are dropped with unsettled deliveries.
pub(super) async fn members_change(
    servers: &mut Servers,
    random: &mut Random,
    fault_divisor: usize,
    row: &mut Row,
) -> Result<()> {
    let broker = servers.take_broker()?;
    let reading = Reading::start(servers, &broker).await?;
    let join = async || Member::join(&broker.direct()?, &reading.topic.name, &reading.ledger).await;
    let mut members = vec![join().await?];
    for _ in 0..CHANGES.div_ceil(fault_divisor).max(MIN_CHANGES) {
        reading.progress(random).await?;
        if members.len() < MEMBERS && random.below(2) == 0 {
            members.push(join().await?);
        } else {
            let end = if random.below(2) == 0 {
                End::Closed
            } else {
                End::Dropped
            };
            let place = random.below(members.len() as u64);
            members.swap_remove(usize::try_from(place)?).leave(end).await?;
        }
        row.count_fault(Fault::Other);
        if members.is_empty() {
            members.push(join().await?);
        }
    }
    let (topic, sink, ledger) = reading.finish().await?;
    wait_until("all acks are committed", || {
        block_in_place(|| log::is_all_committed(topic.config(), GROUP, &topic.name)).unwrap_or(false)
    })
    .await?;
    for member in members {
        member.leave(End::Closed).await?;
    }
    ledger.verify(&topic.recorder, row);
    topic.verify(&sink, MESSAGE_TIMEOUT, row).await?;
    servers.put_back_broker(broker);
    Ok(())
}

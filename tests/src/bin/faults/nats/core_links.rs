//! Core NATS over broken links. The reference subscriber uses a healthy one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use driver_events_core::{DriverEventSink, SinkError};
use driver_events_harness::{Direction, NatsConfig, NatsServer, Proxy};
use driver_events_nats::{NatsEventSink, NatsEventSinkBuilder, NatsOptions};
use tokio::time::timeout;

use super::reference_subscriber::ReferenceSubscriber;
use super::stream::{client_fault_timer, quick};
use crate::event::Event;
use crate::fault_timer::{STEP_TIMEOUT, cut_link};
use crate::memory;
use crate::random::Random;
use crate::recorder::Recorder;
use crate::row::{Fault, Row};

const CUTS: usize = 50;
const MESSAGES: u64 = 1_000;
/// Time that a call may take beyond its timeout.
const CALL_GRACE: Duration = Duration::from_secs(1);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// A server, a proxy in front of it, and the reference subscriber.
struct Rig {
    _server: NatsServer,
    proxy: Proxy,
    recorder: Arc<Recorder>,
    subscriber: ReferenceSubscriber,
    memory: u64,
}

impl Rig {
    async fn start() -> Result<Self> {
        let memory = memory::resident();
        let server = NatsServer::start(NatsConfig::new())?;
        Ok(Self {
            proxy: Proxy::start(server.client_address())?,
            subscriber: ReferenceSubscriber::start(&server).await?,
            _server: server,
            recorder: Arc::default(),
            memory,
        })
    }

    fn sink(&self) -> NatsEventSinkBuilder {
        let options = quick(NatsOptions::new(self.proxy.address().to_string()));
        NatsEventSink::builder().options(options).flush_timeout(FLUSH_TIMEOUT)
    }

    async fn verify(&mut self, row: &mut Row, read: Vec<Event>, limit: Duration) -> Result<()> {
        let read = [read, self.subscriber.read().await?].concat();
        row.add_round(&self.recorder, &read, limit + CALL_GRACE, self.memory);
        Ok(())
    }
}

/// Sends the event and records the result.
pub(super) async fn send(sink: &NatsEventSink, recorder: &Recorder, event: Event) -> Result<Result<(), SinkError>> {
    let called = Instant::now();
    let result = timeout(STEP_TIMEOUT, sink.send(event.envelope()))
        .await
        .context("a call did not return")?;
    recorder.record_duration(called.elapsed());
    recorder.record_result(event, &result);
    Ok(result.map(|_| ()))
}

/// Flushes, and records the result for `events`: all events sent since the flush before.
pub(super) async fn flush(
    sink: &NatsEventSink,
    recorder: &Recorder,
    events: &[Event],
) -> Result<Result<(), SinkError>> {
    let called = Instant::now();
    let result = timeout(STEP_TIMEOUT, sink.flush())
        .await
        .context("a flush did not return")?;
    recorder.record_duration(called.elapsed());
    recorder.record_flush(events, &result);
    Ok(result)
}

/// Events of a successful flush arrive, and failed flushes report the missing ones, burst by burst.
pub(super) async fn cuts(random: &mut Random, fault_divisor: usize, row: &mut Row) -> Result<()> {
    let mut rig = Rig::start().await?;
    let sink = Arc::new(rig.sink().build().await?);
    let connection = sink.connection().context("the sink has a connection")?;
    let fault_timer = client_fault_timer(connection.client().clone(), &rig.recorder);
    let stop = Arc::<AtomicBool>::default();
    let load = tokio::spawn(bursts(Arc::clone(&sink), Arc::clone(&rig.recorder), Arc::clone(&stop)));
    let mut read = Vec::new();
    for _ in 0..CUTS.div_ceil(fault_divisor) {
        fault_timer.wait(random, MESSAGES).await?;
        cut_link(&rig.proxy).await?;
        row.count_fault(Fault::Cut);
        read.extend(rig.subscriber.read().await?);
    }
    stop.store(true, Ordering::Relaxed);
    timeout(STEP_TIMEOUT, load).await???;
    sink.close().await?;
    rig.verify(row, read, FLUSH_TIMEOUT).await
}

/// Sends bursts of several hundred events of seven goals, with a flush after each burst.
async fn bursts(sink: Arc<NatsEventSink>, recorder: Arc<Recorder>, stop: Arc<AtomicBool>) -> Result<()> {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let burst: Vec<_> = (0..400)
            .map(|index| Event {
                goal: index % 7,
                number: number + index / 7,
            })
            .collect();
        number += 400;
        for event in &burst {
            send(&sink, &recorder, *event).await?.ok();
        }
        flush(&sink, &recorder, &burst).await?.ok();
    }
    Ok(())
}

/// Calls return in time, and accepted events arrive after the stall.
pub(super) async fn stall(row: &mut Row) -> Result<()> {
    let mut rig = Rig::start().await?;
    let limit = Duration::from_millis(500);
    // No pings: the link recovers.
    let options = NatsOptions::new(rig.proxy.address().to_string()).queue_capacity(16);
    let sink = NatsEventSink::builder()
        .options(options)
        .send_timeout(limit)
        .flush_timeout(limit)
        .build()
        .await?;
    rig.proxy.stall();
    row.count_fault(Fault::Other);
    let mut events = Vec::new();
    let mut is_full = false;
    // The socket buffers hold some megabytes.
    while !is_full {
        ensure!(events.len() < 1_000_000, "the queue is not bounded");
        let event = Event {
            goal: 0,
            number: u32::try_from(events.len())?,
        };
        is_full = send(&sink, &rig.recorder, event).await?.is_err();
        events.push(event);
    }
    let result = flush(&sink, &rig.recorder, &events).await?;
    row.check(result.is_err(), || "a flush returned Ok on a stalled link".into());
    rig.proxy.resume();
    while flush(&sink, &rig.recorder, &events).await?.is_err() {}
    sink.close().await?;
    rig.verify(row, Vec::new(), limit).await
}

/// A half-open link is detected, and the events that it dropped are reported.
pub(super) async fn half_open(row: &mut Row) -> Result<()> {
    let mut rig = Rig::start().await?;
    let sink = rig.sink().build().await?;
    for (number, direction) in (0..).zip([Direction::ToServer, Direction::ToClient]) {
        let burst: Vec<_> = (0..100).map(|goal| Event { goal, number }).collect();
        rig.proxy.half_open(direction);
        row.count_fault(Fault::Other);
        for event in &burst {
            send(&sink, &rig.recorder, *event).await?.ok();
        }
        let connection = sink.connection().context("the sink has a connection")?;
        crate::fault_timer::wait_until("the client drops the dead link", || !connection.is_connected()).await?;
        rig.proxy.heal();
        let result = flush(&sink, &rig.recorder, &burst).await?;
        row.check(result.is_err(), || "a flush returned Ok for dropped events".into());
    }
    sink.close().await?;
    rig.verify(row, Vec::new(), FLUSH_TIMEOUT).await
}

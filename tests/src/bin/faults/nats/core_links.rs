//! Core NATS over a link that is cut. The reference subscriber uses a healthy one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use driver_events_core::{DriverEventSink, SinkError};
use driver_events_harness::{NatsConfig, NatsServer, Proxy};
use driver_events_nats::{NatsEventSink, NatsOptions};
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
    let memory = memory::resident();
    let server = NatsServer::start(NatsConfig::new())?;
    let proxy = Proxy::start(server.client_address())?;
    let subscriber = ReferenceSubscriber::start(&server).await?;
    let recorder = Arc::<Recorder>::default();
    let options = quick(NatsOptions::new(proxy.address().to_string()));
    let sink = NatsEventSink::builder().options(options).flush_timeout(FLUSH_TIMEOUT);
    let sink = Arc::new(sink.build().await?);
    let connection = sink.connection().context("the sink has a connection")?;
    let fault_timer = client_fault_timer(connection.client().clone(), &recorder);
    let stop = Arc::<AtomicBool>::default();
    let load = bursts(Arc::clone(&sink), Arc::clone(&recorder), subscriber, Arc::clone(&stop));
    let load = tokio::spawn(load);
    for _ in 0..CUTS.div_ceil(fault_divisor) {
        fault_timer.wait(random, MESSAGES).await?;
        cut_link(&proxy).await?;
        row.count_fault(Fault::Cut);
    }
    stop.store(true, Ordering::Relaxed);
    let (mut subscriber, mut read) = timeout(STEP_TIMEOUT, load).await???;
    sink.close().await?;
    read.extend(subscriber.read().await?);
    row.add_round(&recorder, &read, FLUSH_TIMEOUT + CALL_GRACE, memory);
    Ok(())
}

/// Sends bursts of several hundred events of seven goals, with a flush after each burst, and returns what arrived. Each burst is
/// read before the next: on a busy machine the sink outruns the subscriber, and the server would drop its connection.
async fn bursts(
    sink: Arc<NatsEventSink>,
    recorder: Arc<Recorder>,
    mut subscriber: ReferenceSubscriber,
    stop: Arc<AtomicBool>,
) -> Result<(ReferenceSubscriber, Vec<Event>)> {
    let (mut number, mut read) = (0, Vec::new());
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
        read.extend(subscriber.read().await?);
    }
    Ok((subscriber, read))
}

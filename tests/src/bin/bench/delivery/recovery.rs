//! A large file, the return of a broker, and memory during an outage.

use std::path::Path;
use std::time::{Duration, Instant};

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, MemoryEventSink};
use driver_events_harness::NatsServer;
use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};
use driver_events_spool::Durability;
use driver_events_tests::memory;
use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::STREAM;
use super::spools::{builder, new_file, send_all, with_dead_target};
use crate::Failure;
use crate::events::envelopes;
use crate::report::Report;
use crate::runtimes::many_threads;

const FILE_BYTES: u64 = 1 << 30;
const EVENT_BYTES: usize = 16 * 1024;

pub(super) fn run(report: &Report, folder: &Path, server: &mut NatsServer, whole_hour: bool) -> Result<(), Failure> {
    report.figures("After an outage");
    let runtime = many_threads()?;
    open_large(report, &runtime, folder)?;
    return_of_the_broker(report, &runtime, folder, server)?;
    let outage = Duration::from_secs(if whole_hour { 3_600 } else { 60 });
    memory(report, &runtime, folder, outage)
}

fn open_large(report: &Report, runtime: &Runtime, folder: &Path) -> Result<(), Failure> {
    let path = new_file(folder);
    let time = runtime.block_on(async {
        let spool = with_dead_target(&path, Durability::Process).await?;
        while spool.health().bytes < FILE_BYTES {
            let batch = (0..512).map(|number| samples::sized(samples::goal(number % 64), EVENT_BYTES));
            send_all(&spool, batch.collect()).await?;
        }
        let _ = spool.close().await;
        let start = Instant::now();
        let spool = with_dead_target(&path, Durability::Process).await?;
        let time = start.elapsed();
        let _ = spool.close().await;
        Ok::<_, Failure>(time)
    })?;
    std::fs::remove_file(&path)?;
    let measured = format!("{:.0} ms", time.as_secs_f64() * 1e3);
    report.figure(
        "open a spool of 1 GiB",
        &measured,
        Some(("≤ 2 s", time <= Duration::from_secs(2))),
    );
    Ok(())
}

fn return_of_the_broker(
    report: &Report,
    runtime: &Runtime,
    folder: &Path,
    server: &mut NatsServer,
) -> Result<(), Failure> {
    let url = server.client_url();
    let spool = runtime.block_on(async {
        let client = async_nats::connect(&url).await?;
        ensure_stream(&client, &StreamSettings::new(STREAM)).await?;
        let sink = JetStreamEventSink::new(client, STREAM).await?;
        let spool = builder(&new_file(folder), Durability::Process).deliver_to("stream", sink);
        Ok::<_, Failure>(spool.open().await?)
    })?;
    server.kill()?;
    runtime.block_on(async {
        send_all(&spool, envelopes(1_000)?).await?;
        // Long enough for the longest backoff.
        sleep(Duration::from_secs(10)).await;
        Ok::<_, Failure>(())
    })?;
    server.restart()?;
    let start = Instant::now();
    runtime.block_on(async {
        while spool.health().targets.iter().all(|target| target.delivered == 0) {
            sleep(Duration::from_millis(5)).await;
        }
    });
    let time = start.elapsed();
    runtime.block_on(spool.close())?;
    let measured = format!("{:.2} s", time.as_secs_f64());
    report.figure(
        "first delivery after the broker's return",
        &measured,
        Some(("≤ 5 s", time <= Duration::from_secs(5))),
    );
    Ok(())
}

/// The growth of this process from the first second of the outage to the last.
fn memory(report: &Report, runtime: &Runtime, folder: &Path, outage: Duration) -> Result<(), Failure> {
    let path = new_file(folder);
    let growth = runtime.block_on(async {
        let spool = with_dead_target(&path, Durability::Process).await?;
        let mut ticks = interval(Duration::from_millis(10));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (start, before) = (Instant::now(), memory::resident());
        let mut most = before;
        let mut sent = 0_u64;
        while start.elapsed() < outage {
            ticks.tick().await;
            send_all(&spool, envelopes(10)?).await?;
            sent += 10;
            most = most.max(memory::resident());
        }
        assert_eq!(spool.health().accepted, sent, "every event is accepted");
        let _ = spool.close().await;
        // The whole backlog arrives.
        let memory = MemoryEventSink::new();
        let spool = builder(&path, Durability::Process).deliver_to("target", memory.clone());
        let spool = spool.open().await?;
        spool.close().await?;
        assert_eq!(memory.len() as u64, sent, "every event is delivered");
        Ok::<_, Failure>(most.saturating_sub(before))
    })?;
    let mib = growth / 1024;
    report.figure(
        &format!("growth of memory, 1,000 events/s for {} s", outage.as_secs()),
        &format!("{mib} MiB"),
        Some(("≤ 64 MiB", mib <= 64)),
    );
    Ok(())
}

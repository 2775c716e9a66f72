//! Time of one call, at a steady rate.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_events_core::{Backoff, Buffered, DriverEventSink, DriverEventSinkExt, Envelope, OnFull, SinkError};
use driver_events_harness::NatsServer;
use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};
use driver_events_spool::Durability;
use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval};

use super::STREAM;
use super::raw_store::RawStore;
use super::spools::{builder, new_file};
use crate::Failure;
use crate::events::envelopes;
use crate::report::Report;
use crate::runtimes::many_threads;

const EVENTS: usize = 5_000;
const INTERVAL: Duration = Duration::from_millis(1);

/// The 50th, 99th and 99.9th of a hundred times.
struct Percentiles(Duration, Duration, Duration);

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |part: usize| times.get(times.len() * part / 1_000).copied().unwrap_or_default();
        Self(at(500), at(990), at(999))
    }

    fn text(&self) -> String {
        let micros = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e6);
        format!("{} / {} / {} µs", micros(self.0), micros(self.1), micros(self.2))
    }
}

pub(super) fn run(report: &Report, folder: &Path, server: &mut NatsServer) -> Result<(), Failure> {
    report.figures(&format!(
        "One task at 1,000 events/s, {EVENTS} events: p50 / p99 / p99.9 of a call; the targets are for p99"
    ));
    let runtime = many_threads()?;
    for broker in ["alive", "stalled", "dead"] {
        let stages = [
            ("Buffered", None),
            ("spool, process", Some(Durability::Process)),
            ("spool, power", Some(Durability::Power)),
        ];
        for (name, durability) in stages {
            let sink = runtime.block_on(open(folder, server, durability))?;
            match broker {
                "stalled" => server.freeze()?,
                "dead" => server.kill()?,
                _ => {}
            }
            let times = Percentiles::of(emit(&runtime, &sink)?);
            match broker {
                "stalled" => server.thaw()?,
                "dead" => server.restart()?,
                _ => {}
            }
            drop(sink);
            let what = format!("{name}, broker {broker}");
            let limit = match (name, broker) {
                ("Buffered", "dead") => Some(("≤ 50 µs", Duration::from_micros(50))),
                ("spool, process", "dead") => Some(("≤ 200 µs", Duration::from_micros(200))),
                _ => None,
            };
            let target = limit.map(|(text, limit)| (text, times.1 <= limit));
            report.figure(&what, &times.text(), target);
            if name == "spool, power" && broker == "dead" {
                let raw = raw_commits(folder)?;
                report.figure("raw commit of one row, synchronous=FULL", &raw.text(), None);
                let ratio = times.1.as_secs_f64() / raw.1.as_secs_f64();
                report.figure(
                    "p99 of the last two",
                    &format!("{ratio:.2}"),
                    Some(("≤ 3", ratio <= 3.0)),
                );
            }
        }
    }
    Ok(())
}

async fn open(
    folder: &Path,
    server: &NatsServer,
    durability: Option<Durability>,
) -> Result<Arc<dyn DriverEventSink>, Failure> {
    let client = async_nats::connect(server.client_url()).await?;
    ensure_stream(&client, &StreamSettings::new(STREAM)).await?;
    let sink = JetStreamEventSink::new(client, STREAM).await?;
    Ok(match durability {
        None => Arc::new(Buffered::builder(sink.retried(Backoff::default()), OnFull::DropOldest).build()?),
        Some(durability) => {
            let spool = builder(&new_file(folder), durability).close_timeout(Duration::ZERO);
            Arc::new(spool.deliver_to("stream", sink).open().await?)
        }
    })
}

/// Sends from a task of the runtime, as a driver loop does.
fn emit(runtime: &Runtime, sink: &Arc<dyn DriverEventSink>) -> Result<Vec<Duration>, Failure> {
    let envelopes = envelopes(EVENTS)?;
    let sink = Arc::clone(sink);
    let task = runtime.spawn(async move {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut times = Vec::with_capacity(EVENTS);
        for envelope in envelopes {
            ticks.tick().await;
            let start = Instant::now();
            sink.send(envelope).await?;
            times.push(start.elapsed());
        }
        Ok::<_, SinkError>(times)
    });
    Ok(runtime.block_on(task)??)
}

fn raw_commits(folder: &Path) -> Result<Percentiles, Failure> {
    let mut store = RawStore::create(&new_file(folder), "FULL")?;
    let envelopes: Vec<Envelope> = envelopes(1_000)?;
    let mut times = Vec::new();
    for envelope in &envelopes {
        let start = Instant::now();
        store.insert(std::slice::from_ref(envelope))?;
        times.push(start.elapsed());
        std::thread::sleep(INTERVAL);
    }
    Ok(Percentiles::of(times))
}

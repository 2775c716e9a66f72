//! A loop of goals that awaits each event, as a driver does.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_events_core::conformance::samples;
use driver_events_core::{Backoff, Buffered, DriverEventSink, DriverEventSinkExt, OnFull};
use driver_events_spool::Durability;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::spools::{Dead, new_file, noop, with_dead_target};
use crate::Failure;
use crate::report::Report;
use crate::rounds::median;
use crate::runtimes::many_threads;

const GOALS: u32 = 100;
const EVENTS_PER_GOAL: u32 = 5;
const WORK: Duration = Duration::from_millis(11);
const ROUNDS: usize = 5;

pub(super) fn run(report: &Report, folder: &Path) -> Result<(), Failure> {
    report.figures(&format!(
        "A loop of {GOALS} goals, {EVENTS_PER_GOAL} events and {} ms of work each, target dead; time / with a no-op sink",
        WORK.as_millis()
    ));
    let runtime = many_threads()?;
    for (name, target) in [("Buffered", true), ("spool, process", true), ("spool, power", false)] {
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let noop = work(&runtime, &*noop());
            let sink = runtime.block_on(open(name, folder))?;
            ratios.push(work(&runtime, &*sink).as_secs_f64() / noop.as_secs_f64());
        }
        let ratio = median(ratios);
        let target = target.then_some(("≤ 1.05", ratio <= 1.05));
        report.figure(name, &format!("{ratio:.3}"), target);
    }
    Ok(())
}

async fn open(name: &str, folder: &Path) -> Result<Arc<dyn DriverEventSink>, Failure> {
    let durability = match name {
        "Buffered" => {
            let builder = Buffered::builder(Dead.retried(Backoff::default()), OnFull::DropOldest);
            return Ok(Arc::new(builder.build()?));
        }
        "spool, process" => Durability::Process,
        _ => Durability::Power,
    };
    Ok(Arc::new(with_dead_target(&new_file(folder), durability).await?))
}

/// Runs the loop, which ignores errors.
fn work(runtime: &Runtime, sink: &dyn DriverEventSink) -> Duration {
    let start = Instant::now();
    runtime.block_on(async {
        for goal in 0..GOALS {
            for number in 0..EVENTS_PER_GOAL {
                let _ = sink.publish(samples::numbered(samples::goal(goal), number)).await;
            }
            sleep(WORK).await;
        }
    });
    start.elapsed()
}

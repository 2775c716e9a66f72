//! Live goals: time of an event of what remembers goals, and of the sinks, which remember none. The memory of a goal is tested in
//! `tests/costs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use driver_events_core::conformance::samples;
use driver_events_core::{Deduplicator, DriverEventSink, Envelope, NoopEventSink, SequenceTracker, Stamp, Stamped};
use driver_events_tests::memory;
use futures_util::FutureExt;

use super::destinations::{Destination, Destinations};
use super::join;
use crate::Failure;
use crate::report::Report;

const GOALS: [u32; 3] = [1, 1_000, 1_000_000];
/// Events of the measured pass, if there are fewer goals.
const EVENTS: u32 = 100_000;
const BATCH: u32 = 10_000;

pub(super) fn run(report: &Report, destinations: &Destinations) -> Result<(), Failure> {
    report
        .figures("Live goals: time of an event with 1 / 1,000 / 1,000,000 goals (remembered events for Deduplicator)");
    row(report, "Stamped", |goals| {
        let sink = Stamped::new(NoopEventSink, "urn:example:bench")?.with_goal_capacity(goals as usize);
        Ok(move |envelopes: Vec<Envelope>, _: u64| {
            for envelope in envelopes {
                sink.send(envelope).now_or_never().ok_or("the no-op sink waited")??;
            }
            Ok(())
        })
    })?;
    row(report, "SequenceTracker", |goals| {
        let mut tracker = SequenceTracker::new(goals as usize);
        let run: Arc<str> = Arc::from("0198c5f2-7a1e-7cc3-98a5-2f1f6f0c1a01");
        Ok(move |envelopes: Vec<Envelope>, sequence: u64| {
            for envelope in envelopes {
                let run = Arc::clone(&run);
                std::hint::black_box(tracker.observe(&envelope.with_stamp(Stamp { run, sequence })?));
            }
            Ok(())
        })
    })?;
    row(report, "Deduplicator", |goals| {
        let mut seen = Deduplicator::new(goals as usize);
        Ok(move |envelopes: Vec<Envelope>, _: u64| {
            for envelope in &envelopes {
                std::hint::black_box(seen.insert(envelope));
            }
            Ok(())
        })
    })?;
    for destination in [Destination::JetStream, Destination::Kafka, Destination::Spool] {
        let before = memory::resident();
        row(report, &format!("{}, batches of {BATCH}", destination.name()), |_| {
            let sink = destinations.open(destination)?;
            Ok(move |envelopes: Vec<Envelope>, _: u64| destinations.send(&*sink, envelopes))
        })?;
        let growth = memory::resident().saturating_sub(before) / 1024;
        report.figure("  growth of this process", &format!("{growth} MiB"), None);
    }
    Ok(())
}

/// Gives events of all goals to what `create` returns, twice: the first pass fills it, the second one is measured.
fn row<Take>(report: &Report, what: &str, mut create: impl FnMut(u32) -> Result<Take, Failure>) -> Result<(), Failure>
where
    Take: FnMut(Vec<Envelope>, u64) -> Result<(), Failure>,
{
    let mut times = Vec::new();
    for goals in GOALS {
        let mut take = create(goals)?;
        pass(goals, goals, 1, &mut take)?;
        let events = goals.max(EVENTS);
        let time = pass(goals, events, 2, &mut take)?;
        times.push(time.as_secs_f64() * 1e9 / f64::from(events));
    }
    report.figure(what, &join(&times), None);
    Ok(())
}

fn pass(
    goals: u32,
    events: u32,
    sequence: u64,
    take: &mut impl FnMut(Vec<Envelope>, u64) -> Result<(), Failure>,
) -> Result<Duration, Failure> {
    let mut time = Duration::ZERO;
    for start in (0..events).step_by(BATCH as usize) {
        let numbers = start..events.min(start + BATCH);
        let envelopes: Vec<_> = numbers
            .map(|number| Envelope::new(samples::numbered(samples::goal(number % goals), number)))
            .collect();
        for envelope in &envelopes {
            std::hint::black_box(envelope.id());
        }
        let begin = Instant::now();
        take(envelopes, sequence)?;
        time += begin.elapsed();
    }
    Ok(time)
}

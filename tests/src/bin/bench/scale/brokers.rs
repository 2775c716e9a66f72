//! CPU time of the broker for an event, and bytes of an event in a stream.

use std::time::Duration;

use super::destinations::{Destination, Destinations};
use crate::Failure;
use crate::events::envelopes;
use crate::report::Report;

const BATCH: usize = 1_000;
const BATCHES: usize = 200;
const TASKS: usize = 64;
const EVENTS_PER_TASK: usize = 500;

pub(super) fn run(report: &Report, destinations: &Destinations) -> Result<(), Failure> {
    report.figures("Brokers: CPU time of the broker for an event of the realistic run");
    for destination in [Destination::Nats, Destination::JetStream, Destination::Kafka] {
        let name = destination.name();
        let sink = destinations.open(destination)?;
        let send = |batches: usize| {
            (0..batches).try_for_each(|_| destinations.send(&*sink, envelopes(BATCH)?))?;
            Ok::<_, Failure>(destinations.runtime.block_on(sink.flush())?)
        };
        // The JVM compiles its hot code.
        send(BATCHES / 2)?;
        let before = destinations.cpu_time(destination)?;
        send(BATCHES)?;
        let time = destinations.cpu_time(destination)?.saturating_sub(before);
        row(report, &format!("{name}, batches of {BATCH}"), time, BATCH * BATCHES);

        let parts: Vec<_> = (0..TASKS)
            .map(|_| envelopes(EVENTS_PER_TASK))
            .collect::<Result<_, _>>()?;
        let before = destinations.cpu_time(destination)?;
        destinations.send_in_tasks(&sink, parts)?;
        let time = destinations.cpu_time(destination)?.saturating_sub(before);
        row(
            report,
            &format!("{name}, {TASKS} tasks that await each receipt"),
            time,
            TASKS * EVENTS_PER_TASK,
        );
        if destination == Destination::JetStream {
            let bytes = destinations.stored_bytes_per_event()?;
            report.figure(
                "JetStream, bytes of the stream for an event",
                &format!("{bytes} B"),
                None,
            );
        }
    }
    Ok(())
}

fn row(report: &Report, what: &str, time: Duration, events: usize) {
    let micros = time.as_secs_f64() * 1e6 / events as f64;
    report.figure(what, &format!("{micros:.1} µs"), None);
}

//! Concurrent tasks, each of which awaits the receipt of one event before the next.

use std::time::Instant;

use super::destinations::{Destination, Destinations};
use super::join;
use crate::Failure;
use crate::events::envelopes;
use crate::report::Report;
use crate::rounds::median;

const TASKS: [usize; 4] = [1, 4, 16, 64];
const ROUNDS: usize = 5;

pub(super) fn run(report: &Report, destinations: &Destinations) -> Result<(), Failure> {
    report.figures("Tasks: time of an event with 1 / 4 / 16 / 64 tasks that await each receipt");
    use Destination as To;
    for (destination, events_per_task) in [
        (To::Writer, 4_000),
        (To::Nats, 4_000),
        (To::JetStream, 250),
        (To::Kafka, 250),
        (To::Spool, 250),
    ] {
        let mut times = Vec::new();
        for tasks in TASKS {
            let sink = destinations.open(destination)?;
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                let parts: Vec<_> = (0..tasks)
                    .map(|_| envelopes(events_per_task))
                    .collect::<Result<_, _>>()?;
                let start = Instant::now();
                destinations.send_in_tasks(&sink, parts)?;
                rounds.push(start.elapsed().as_secs_f64() * 1e9 / (tasks * events_per_task) as f64);
            }
            times.push(median(rounds));
        }
        report.figure(destination.name(), &join(&times), None);
    }
    Ok(())
}

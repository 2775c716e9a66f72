//! NATS against the client that lies beneath, on a server of the benchmark's own.

mod core;
mod jetstream;
mod raw;
mod reading;

use driver_events_core::Envelope;
use driver_events_core::conformance::samples;
use driver_events_harness::{NatsConfig, NatsServer};
use driver_events_types::DriverEvent;
use tokio::runtime::{Builder, Runtime};

use crate::Failure;

pub(crate) fn run() -> Result<(), Failure> {
    let server = NatsServer::start(NatsConfig::new().jetstream())?;
    core::run(&server)?;
    jetstream::run(&server)?;
    reading::run(&server)
}

fn one_thread() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn many_threads() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

/// Ready envelopes that are not yet encoded, with their ids and times, in the mix in which drivers publish them.
fn envelopes(count: usize) -> Result<Vec<Envelope>, Failure> {
    let events: Vec<DriverEvent> = crate::GOAL_RUN
        .lines()
        .map(|line| DriverEvent::from_json(line.as_bytes()))
        .collect::<Result<_, _>>()?;
    let envelopes: Vec<_> = events.iter().cycle().take(count).cloned().map(Envelope::new).collect();
    for envelope in &envelopes {
        std::hint::black_box(envelope.id());
    }
    Ok(envelopes)
}

/// Envelopes of so many goals, in turn.
fn of_goals(goals: u32, count: u32) -> Vec<Envelope> {
    (0..count)
        .map(|number| Envelope::new(samples::numbered(samples::goal(number % goals), number)))
        .collect()
}

//! How the cost of an event grows: with live goals, the size of events, concurrent tasks, and the sinks of a fan-out; and what
//! an event costs the broker.

mod brokers;
mod destinations;
mod fan_out;
mod goals;
mod sizes;
mod tasks;

use self::destinations::Destinations;
use crate::Failure;
use crate::report::Report;

pub(crate) fn run(report: &Report) -> Result<(), Failure> {
    fan_out::run(report)?;
    let destinations = Destinations::start()?;
    sizes::run(report, &destinations)?;
    tasks::run(report, &destinations)?;
    brokers::run(report, &destinations)?;
    goals::run(report, &destinations)
}

/// Joins times per event, in nanoseconds.
fn join(times: &[f64]) -> String {
    let texts: Vec<_> = times.iter().map(|time| format!("{time:.0}")).collect();
    format!("{} ns", texts.join(" / "))
}

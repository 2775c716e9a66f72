//! The size of an event: a long text, or free JSON.

use std::time::Instant;

use driver_events_core::Envelope;
use driver_events_core::conformance::samples;
use driver_events_types::DriverEvent;
use serde_json::{Value, json};

use super::destinations::{Destination, Destinations};
use super::join;
use crate::Failure;
use crate::report::Report;
use crate::rounds::median;

const SIZES: [usize; 3] = [200, 4 * 1024, 256 * 1024];
/// Bytes of JSON in each measurement.
const TOTAL: usize = 16 << 20;
const MOST_EVENTS: usize = 10_000;
const ROUNDS: usize = 5;

/// Creates an event of about so many bytes.
type EventOfSize = fn(usize) -> Result<DriverEvent, Failure>;

pub(super) fn run(report: &Report, destinations: &Destinations) -> Result<(), Failure> {
    report.figures("Size: time of an event of 200 B / 4 KiB / 256 KiB");
    let shapes: [(&str, EventOfSize); 2] = [("text", text), ("free JSON", free_json)];
    for (shape, event_of) in shapes {
        row(report, &format!("encode, {shape}"), event_of, |events| {
            let mut out = Vec::with_capacity(1 << 20);
            for event in events {
                out.clear();
                event.write_json(&mut out)?;
                std::hint::black_box(&out);
            }
            Ok(())
        })?;
        row(report, &format!("decode, {shape}"), event_of, |events| {
            let json = events.first().ok_or("no event")?.to_json()?;
            for _ in events {
                std::hint::black_box(DriverEvent::from_json(&json)?);
            }
            Ok(())
        })?;
    }
    use Destination as To;
    for destination in [To::Writer, To::Nats, To::JetStream, To::Kafka, To::Spool] {
        let sink = destinations.open(destination)?;
        row(
            report,
            &format!("{}, one batch, free JSON", destination.name()),
            free_json,
            |events| {
                let envelopes = events.iter().cloned().map(Envelope::new).collect();
                destinations.send(&*sink, envelopes)?;
                Ok(destinations.runtime.block_on(sink.flush())?)
            },
        )?;
    }
    Ok(())
}

fn row(
    report: &Report,
    what: &str,
    event_of: EventOfSize,
    mut work: impl FnMut(&[DriverEvent]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut times = Vec::new();
    for size in SIZES {
        let events = vec![event_of(size)?; (TOTAL / size).min(MOST_EVENTS)];
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            work(&events)?;
            rounds.push(start.elapsed().as_secs_f64() * 1e9 / events.len() as f64);
        }
        times.push(median(rounds));
    }
    report.figure(what, &join(&times), None);
    Ok(())
}

/// An event with a reason of about so many bytes.
fn text(bytes: usize) -> Result<DriverEvent, Failure> {
    let event = samples::sized(samples::goal(0), bytes).into_event();
    event.ok_or_else(|| "a kind that is not known".into())
}

/// A decision of the run, whose input is about so many bytes of JSON.
fn free_json(bytes: usize) -> Result<DriverEvent, Failure> {
    let mut events = crate::GOAL_RUN
        .lines()
        .map(|line| DriverEvent::from_json(line.as_bytes()));
    let found = events.find_map(|event| match event {
        Ok(DriverEvent::Decision { decision }) => Some(decision),
        _ => None,
    });
    let mut decision = found.ok_or("the run has no decision")?;
    let element = json!({"path": "src/main.rs", "line": 42, "text": "let total = events.len();"});
    let element_size = element.to_string().len() + 1;
    decision.input = Value::Array(vec![element; bytes / element_size]);
    Ok(DriverEvent::Decision { decision })
}

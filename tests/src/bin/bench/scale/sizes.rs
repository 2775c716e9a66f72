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
        let copies = |event: DriverEvent, count| Ok(vec![event; count]);
        row(report, &format!("encode, {shape}"), event_of, copies, |events| {
            let mut out = Vec::with_capacity(1 << 20);
            for event in &events {
                out.clear();
                event.write_json(&mut out)?;
                std::hint::black_box(&out);
            }
            Ok(events)
        })?;
        let texts = |event: DriverEvent, count| Ok(vec![event.to_json()?; count]);
        row(report, &format!("decode, {shape}"), event_of, texts, |texts| {
            for text in &texts {
                std::hint::black_box(DriverEvent::from_json(text)?);
            }
            Ok(texts)
        })?;
    }
    use Destination as To;
    for destination in [To::Writer, To::Nats, To::JetStream, To::Kafka, To::Spool] {
        let sink = destinations.open(destination)?;
        let envelopes = |event: DriverEvent, count| Ok(vec![event; count].into_iter().map(Envelope::new).collect());
        let what = format!("{}, one batch, free JSON", destination.name());
        row(report, &what, free_json, envelopes, |envelopes| {
            destinations.send(&*sink, envelopes)?;
            Ok(destinations.runtime.block_on(sink.flush())?)
        })?;
    }
    Ok(())
}

/// Measures `work` with what `prepare` makes of an event of each size. What `work` returns is dropped after the measurement.
fn row<Prepared, Rest>(
    report: &Report,
    what: &str,
    event_of: EventOfSize,
    prepare: impl Fn(DriverEvent, usize) -> Result<Prepared, Failure>,
    mut work: impl FnMut(Prepared) -> Result<Rest, Failure>,
) -> Result<(), Failure> {
    let mut times = Vec::new();
    for size in SIZES {
        let count = (TOTAL / size).min(MOST_EVENTS);
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let prepared = prepare(event_of(size)?, count)?;
            let start = Instant::now();
            let rest = work(prepared)?;
            rounds.push(start.elapsed().as_secs_f64() * 1e9 / count as f64);
            drop(rest);
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

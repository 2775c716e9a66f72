use std::time::Duration;

use driver_events_core::Envelope;
use driver_events_types::DriverEvent;
use driver_events_types::chrono::{DateTime, TimeDelta, Utc};

/// How much faster than the run the demo is, before the shortest and the longest pause.
const TIME_LAPSE: u32 = 30;
const SHORTEST_PAUSE: Duration = Duration::from_millis(60);
const LONGEST_PAUSE: Duration = Duration::from_millis(900);

/// How long to wait between two events.
pub(super) fn pause(earlier: DateTime<Utc>, later: DateTime<Utc>) -> Duration {
    let passed = (later - earlier).to_std().unwrap_or_default();
    (passed / TIME_LAPSE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

/// Gives each event a time: the one that it tells, or else one that lies evenly between those of its neighbours.
pub(super) fn timed(run: Vec<Envelope>) -> Vec<Envelope> {
    let told: Vec<(usize, DateTime<Utc>)> = run
        .iter()
        .enumerate()
        .filter_map(|(index, envelope)| Some((index, told_time(envelope)?)))
        .collect();
    let timed = run.into_iter().enumerate().map(|(index, envelope)| {
        let before = told.iter().rfind(|(told, _)| *told <= index);
        let after = told.iter().find(|(told, _)| *told > index);
        let time = match (before, after) {
            (Some(before), Some(after)) => between(*before, *after, index),
            (Some((told, time)), None) => *time + seconds(index - told),
            (None, Some((told, time))) => *time - seconds(told - index),
            (None, None) => return envelope,
        };
        envelope.clone().with_time(time).unwrap_or(envelope)
    });
    timed.collect()
}

fn told_time(envelope: &Envelope) -> Option<DateTime<Utc>> {
    match envelope.event()? {
        DriverEvent::Decision { decision } => Some(decision.decided_at),
        DriverEvent::Acceptance { verdict, .. } => Some(verdict.evaluated_at),
        _ => None,
    }
}

fn between(before: (usize, DateTime<Utc>), after: (usize, DateTime<Utc>), index: usize) -> DateTime<Utc> {
    let milliseconds = (after.1 - before.1).num_milliseconds();
    let (part, whole) = (as_i64(index - before.0), as_i64(after.0 - before.0));
    before.1 + TimeDelta::milliseconds(milliseconds * part / whole)
}

fn seconds(number: usize) -> TimeDelta {
    TimeDelta::seconds(as_i64(number))
}

/// The run has few events.
fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or_default()
}

use std::time::Duration;

use driver_events::DriverEvent;
use driver_events::Envelope;
use driver_events::chrono::{DateTime, TimeDelta, Utc};

/// Speed of the playback relative to the run.
const PLAYBACK_SPEED: u32 = 30;
const MIN_PAUSE: Duration = Duration::from_millis(60);
const MAX_PAUSE: Duration = Duration::from_millis(900);

/// Returns the pause between two events.
pub(super) fn pause(earlier: DateTime<Utc>, later: DateTime<Utc>) -> Duration {
    let elapsed = (later - earlier).to_std().unwrap_or_default();
    (elapsed / PLAYBACK_SPEED).clamp(MIN_PAUSE, MAX_PAUSE)
}

/// Sets the time of each event: its recorded time, or else one interpolated between recorded times.
pub(super) fn timed(run: Vec<Envelope>) -> Vec<Envelope> {
    let recorded: Vec<(usize, DateTime<Utc>)> = run
        .iter()
        .enumerate()
        .filter_map(|(index, envelope)| Some((index, recorded_time(envelope)?)))
        .collect();
    let timed = run.into_iter().enumerate().map(|(index, envelope)| {
        let before = recorded.iter().rfind(|(at, _)| *at <= index);
        let after = recorded.iter().find(|(at, _)| *at > index);
        let time = match (before, after) {
            (Some(before), Some(after)) => between(*before, *after, index),
            (Some((at, time)), None) => *time + seconds(index - at),
            (None, Some((at, time))) => *time - seconds(at - index),
            (None, None) => return envelope,
        };
        envelope.clone().with_time(time).unwrap_or(envelope)
    });
    timed.collect()
}

fn recorded_time(envelope: &Envelope) -> Option<DateTime<Utc>> {
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

/// Does not overflow: the run has few events.
fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_scaled_within_their_limits() {
        let start = DateTime::UNIX_EPOCH;
        for (elapsed, expected) in [(-1_000, 60), (0, 60), (3_000, 100), (60_000, 900)] {
            let later = start + TimeDelta::milliseconds(elapsed);
            assert_eq!(pause(start, later), Duration::from_millis(expected), "{elapsed}");
        }
    }
}

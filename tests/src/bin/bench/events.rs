use driver_events_core::Envelope;
use driver_events_core::conformance::samples;
use driver_events_types::DriverEvent;

use crate::Failure;

/// Envelopes with id and time, not yet encoded, in the mix of the realistic run.
pub(crate) fn envelopes(count: usize) -> Result<Vec<Envelope>, Failure> {
    let envelopes: Vec<_> = events(count)?.into_iter().map(Envelope::new).collect();
    for envelope in &envelopes {
        std::hint::black_box(envelope.id());
    }
    Ok(envelopes)
}

/// Events in the mix of the realistic run.
pub(crate) fn events(count: usize) -> Result<Vec<DriverEvent>, Failure> {
    let events: Vec<DriverEvent> = crate::GOAL_RUN
        .lines()
        .map(|line| DriverEvent::from_json(line.as_bytes()))
        .collect::<Result<_, _>>()?;
    Ok(events.iter().cycle().take(count).cloned().collect())
}

/// Envelopes of `goals` goals, round-robin.
pub(crate) fn of_goals(goals: u32, count: u32) -> Vec<Envelope> {
    (0..count)
        .map(|number| Envelope::new(samples::numbered(samples::goal(number % goals), number)))
        .collect()
}

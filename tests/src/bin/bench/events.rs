use driver_events_core::Envelope;
use driver_events_core::conformance::samples;
use driver_events_types::DriverEvent;

use crate::Failure;

/// Ready envelopes that are not yet encoded, with their ids and times, in the mix in which drivers publish them.
pub(crate) fn envelopes(count: usize) -> Result<Vec<Envelope>, Failure> {
    let envelopes: Vec<_> = events(count)?.into_iter().map(Envelope::new).collect();
    for envelope in &envelopes {
        std::hint::black_box(envelope.id());
    }
    Ok(envelopes)
}

/// The same as events.
pub(crate) fn events(count: usize) -> Result<Vec<DriverEvent>, Failure> {
    let events: Vec<DriverEvent> = crate::GOAL_RUN
        .lines()
        .map(|line| DriverEvent::from_json(line.as_bytes()))
        .collect::<Result<_, _>>()?;
    Ok(events.iter().cycle().take(count).cloned().collect())
}

/// Envelopes of so many goals, in turn.
pub(crate) fn of_goals(goals: u32, count: u32) -> Vec<Envelope> {
    (0..count)
        .map(|number| Envelope::new(samples::numbered(samples::goal(number % goals), number)))
        .collect()
}

use driver_events_core::Envelope;
use driver_events_types::{DriverEvent, GoalId};

/// Numbered events of one goal.
pub(crate) fn events(goal_id: GoalId, count: usize) -> Vec<Envelope> {
    (0..count)
        .map(|number| {
            let reason = number.to_string();
            Envelope::new(DriverEvent::Escalate { goal_id, reason })
        })
        .collect()
}

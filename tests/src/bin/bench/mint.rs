//! A new envelope with its id and its time, compared with the id alone.

use std::hint::black_box;

use driver_events_core::Envelope;
use driver_events_types::{DriverEvent, GoalId};
use uuid::Uuid;

use crate::Failure;
use crate::report::{Report, Row};
use crate::rounds::timed;

const EVENTS: usize = 100_000;

pub(crate) fn run(report: &Report) -> Result<(), Failure> {
    report.ratios("Envelopes: per event; ratio of times, less is better");
    let goal_id = GoalId::new();
    report.compare(
        Row::time("an envelope, its id and time / Uuid::now_v7()", EVENTS).target(2.5),
        || {
            let events: Vec<_> = (0..EVENTS)
                .map(|_| DriverEvent::Escalate {
                    goal_id,
                    reason: String::new(),
                })
                .collect();
            timed(|| {
                for event in events {
                    let envelope = Envelope::new(event);
                    black_box((envelope.id(), envelope.time()));
                }
                Ok(())
            })
        },
        |_| {
            timed(|| {
                for _ in 0..EVENTS {
                    black_box(Uuid::now_v7());
                }
                Ok(())
            })
        },
    )
}

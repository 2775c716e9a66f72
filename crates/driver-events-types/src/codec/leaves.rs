//! The places in an event that an encoder may have to refuse: floats, times and free JSON.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{depth, json};
use crate::{AcceptanceCriterion, AcceptanceVerdict, CompactTrigger, Decision, DriverEvent};

/// Where a leaf stands: `decisions_recorded[3].input` is a place with an index, `goal.metadata` one without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    list: &'static str,
    index: Option<usize>,
    field: &'static str,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.list)?;
        if let Some(index) = self.index {
            write!(f, "[{index}]")?;
        }
        f.write_str(self.field)
    }
}

/// A leaf. `around` is the number of arrays and objects that it stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leaf<'a> {
    Float(f64),
    Time(&'a DateTime<Utc>),
    Json { value: &'a Value, around: usize },
    Map { map: &'a Map<String, Value>, around: usize },
}

impl Leaf<'_> {
    /// Shows every value inside of free JSON, see [`depth::walk`].
    fn walk(&self, mut see: impl FnMut(&Value)) {
        match self {
            Self::Float(_) | Self::Time(_) => {}
            Self::Json { value, .. } => depth::walk(value, |value, _| see(value)),
            Self::Map { map, .. } => map.values().for_each(|value| depth::walk(value, |value, _| see(value))),
        }
    }

    /// Whether all numbers inside of free JSON can be written.
    pub(crate) fn has_writable_numbers(&self) -> bool {
        let mut writable = true;
        self.walk(|value| {
            if let Value::Number(number) = value {
                writable &= json::is_representable(number);
            }
        });
        writable
    }

    /// How deep the event is at this leaf.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Float(_) | Self::Time(_) => 0,
            Self::Json { value, around } => around + depth::of_value(value),
            Self::Map { map, around } => around + depth::of_map(map),
        }
    }
}

/// Shows every leaf of the event, in the order in which they are written.
pub(crate) fn visit<'a>(event: &'a DriverEvent, mut see: impl FnMut(Path, Leaf<'a>)) {
    let at = |field| Path {
        list: "",
        index: None,
        field,
    };
    match event {
        DriverEvent::GoalStarted { goal } => {
            for (index, criterion) in goal.acceptance.iter().enumerate() {
                if let AcceptanceCriterion::Custom { args, .. } = criterion {
                    let path = Path {
                        list: "goal.acceptance",
                        index: Some(index),
                        field: ".args",
                    };
                    see(path, Leaf::Json { value: args, around: 4 });
                }
            }
            see(
                at("goal.metadata"),
                Leaf::Map {
                    map: &goal.metadata,
                    around: 2,
                },
            );
        }
        DriverEvent::GoalCompleted { outcome } => {
            if let Some(AcceptanceVerdict { evaluated_at, .. }) = &outcome.acceptance {
                see(at("outcome.acceptance.evaluated_at"), Leaf::Time(evaluated_at));
            }
        }
        DriverEvent::AttemptCompleted { result } => {
            for (index, Decision { input, decided_at, .. }) in result.decisions_recorded.iter().enumerate() {
                let path = |field| Path {
                    list: "result.decisions_recorded",
                    index: Some(index),
                    field,
                };
                see(
                    path(".input"),
                    Leaf::Json {
                        value: input,
                        around: 4,
                    },
                );
                see(path(".decided_at"), Leaf::Time(decided_at));
            }
            if let Some(AcceptanceVerdict { evaluated_at, .. }) = &result.acceptance {
                see(at("result.acceptance.evaluated_at"), Leaf::Time(evaluated_at));
            }
            see(
                at("result.harness_extras"),
                Leaf::Map {
                    map: &result.harness_extras,
                    around: 2,
                },
            );
        }
        DriverEvent::Decision {
            decision: Decision { input, decided_at, .. },
        } => {
            see(
                at("decision.input"),
                Leaf::Json {
                    value: input,
                    around: 2,
                },
            );
            see(at("decision.decided_at"), Leaf::Time(decided_at));
        }
        DriverEvent::Acceptance { verdict, .. } => {
            see(at("verdict.evaluated_at"), Leaf::Time(&verdict.evaluated_at));
        }
        DriverEvent::CompactRequested {
            token_pressure,
            trigger,
            ..
        } => {
            see(at("token_pressure"), Leaf::Float(*token_pressure));
            if let CompactTrigger::TokenPressure { pct, .. } = trigger {
                see(at("trigger.pct"), Leaf::Float(*pct));
            }
        }
        DriverEvent::AttemptStarted { .. }
        | DriverEvent::BudgetExhausted { .. }
        | DriverEvent::Escalate { .. }
        | DriverEvent::ReplayDecision { .. }
        | DriverEvent::CompactCompleted { .. }
        | DriverEvent::CompactSummaryStored { .. }
        | DriverEvent::ExtractMemoriesCompleted { .. }
        | DriverEvent::ExtractMemoriesSkipped { .. }
        | DriverEvent::AutoDreamOutcome { .. }
        | DriverEvent::Progress { .. } => {}
    }
}

/// Drops an event whose free JSON may be of any depth.
pub(crate) fn dismantle(event: DriverEvent) {
    match event {
        DriverEvent::GoalStarted { goal } => {
            depth::dismantle(goal.metadata.into_iter().map(|(_, value)| value));
            depth::dismantle(goal.acceptance.into_iter().filter_map(|criterion| match criterion {
                AcceptanceCriterion::Custom { args, .. } => Some(args),
                _ => None,
            }));
        }
        DriverEvent::Decision { decision } => depth::dismantle([decision.input]),
        DriverEvent::AttemptCompleted { result } => {
            depth::dismantle(result.harness_extras.into_iter().map(|(_, value)| value));
            depth::dismantle(result.decisions_recorded.into_iter().map(|decision| decision.input));
        }
        _ => {}
    }
}

//! Visits the values of an event that the encoder may refuse: floats, times and free JSON.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{depth, json};
use crate::acceptance::{AcceptanceCriterion, AcceptanceVerdict};
use crate::compact::CompactTrigger;
use crate::decision::Decision;
use crate::event::DriverEvent;

/// The path of a value, with an index (`result.decisions_recorded[3].input`) or without (`goal.metadata`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldPath {
    list: &'static str,
    index: Option<usize>,
    field: &'static str,
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.list)?;
        if let Some(index) = self.index {
            write!(f, "[{index}]")?;
        }
        f.write_str(self.field)
    }
}

/// A value that the encoder may refuse. `parent_depth` is the number of arrays and objects that contain it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CheckedValue<'a> {
    Float(f64),
    Time(&'a DateTime<Utc>),
    Json {
        value: &'a Value,
        parent_depth: usize,
    },
    Map {
        map: &'a Map<String, Value>,
        parent_depth: usize,
    },
}

impl CheckedValue<'_> {
    /// Visits every value inside free JSON, see [`depth::for_each_value`].
    fn for_each_json_value(&self, mut visit: impl FnMut(&Value)) {
        match self {
            Self::Float(_) | Self::Time(_) => {}
            Self::Json { value, .. } => depth::for_each_value(value, |value, _| visit(value)),
            Self::Map { map, .. } => map
                .values()
                .for_each(|value| depth::for_each_value(value, |value, _| visit(value))),
        }
    }

    /// Returns whether JSON can represent all numbers inside free JSON.
    pub(crate) fn has_representable_numbers(&self) -> bool {
        let mut representable = true;
        self.for_each_json_value(|value| {
            if let Value::Number(number) = value {
                representable &= json::is_representable(number);
            }
        });
        representable
    }

    /// Returns the nesting depth that the event reaches inside free JSON; 0 for a scalar.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Float(_) | Self::Time(_) => 0,
            Self::Json { value, parent_depth } => parent_depth + depth::of_value(value),
            Self::Map { map, parent_depth } => parent_depth + depth::of_map(map),
        }
    }
}

/// Visits every such value of the event, in the order in which they are written.
pub(crate) fn for_each_value<'a>(event: &'a DriverEvent, mut visit: impl FnMut(FieldPath, CheckedValue<'a>)) {
    let at = |field| FieldPath {
        list: "",
        index: None,
        field,
    };
    match event {
        DriverEvent::GoalStarted { goal } => {
            for (index, criterion) in goal.acceptance.iter().enumerate() {
                if let AcceptanceCriterion::Custom { args, .. } = criterion {
                    let path = FieldPath {
                        list: "goal.acceptance",
                        index: Some(index),
                        field: ".args",
                    };
                    visit(
                        path,
                        CheckedValue::Json {
                            value: args,
                            parent_depth: 4,
                        },
                    );
                }
            }
            visit(
                at("goal.metadata"),
                CheckedValue::Map {
                    map: &goal.metadata,
                    parent_depth: 2,
                },
            );
        }
        DriverEvent::GoalCompleted { outcome } => {
            if let Some(AcceptanceVerdict { evaluated_at, .. }) = &outcome.acceptance {
                visit(at("outcome.acceptance.evaluated_at"), CheckedValue::Time(evaluated_at));
            }
        }
        DriverEvent::AttemptCompleted { result } => {
            for (index, Decision { input, decided_at, .. }) in result.decisions_recorded.iter().enumerate() {
                let path = |field| FieldPath {
                    list: "result.decisions_recorded",
                    index: Some(index),
                    field,
                };
                visit(
                    path(".input"),
                    CheckedValue::Json {
                        value: input,
                        parent_depth: 4,
                    },
                );
                visit(path(".decided_at"), CheckedValue::Time(decided_at));
            }
            if let Some(AcceptanceVerdict { evaluated_at, .. }) = &result.acceptance {
                visit(at("result.acceptance.evaluated_at"), CheckedValue::Time(evaluated_at));
            }
            visit(
                at("result.harness_extras"),
                CheckedValue::Map {
                    map: &result.harness_extras,
                    parent_depth: 2,
                },
            );
        }
        DriverEvent::Decision {
            decision: Decision { input, decided_at, .. },
        } => {
            visit(
                at("decision.input"),
                CheckedValue::Json {
                    value: input,
                    parent_depth: 2,
                },
            );
            visit(at("decision.decided_at"), CheckedValue::Time(decided_at));
        }
        DriverEvent::Acceptance { verdict, .. } => {
            visit(at("verdict.evaluated_at"), CheckedValue::Time(&verdict.evaluated_at));
        }
        DriverEvent::CompactRequested {
            token_pressure,
            trigger,
            ..
        } => {
            visit(at("token_pressure"), CheckedValue::Float(*token_pressure));
            if let CompactTrigger::TokenPressure { pct, .. } = trigger {
                visit(at("trigger.pct"), CheckedValue::Float(*pct));
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

/// Drops an event whose free JSON may have any depth.
pub(crate) fn drop_iteratively(event: DriverEvent) {
    match event {
        DriverEvent::GoalStarted { goal } => {
            depth::drop_iteratively(goal.metadata.into_iter().map(|(_, value)| value));
            depth::drop_iteratively(goal.acceptance.into_iter().filter_map(|criterion| match criterion {
                AcceptanceCriterion::Custom { args, .. } => Some(args),
                _ => None,
            }));
        }
        DriverEvent::Decision { decision } => depth::drop_iteratively([decision.input]),
        DriverEvent::AttemptCompleted { result } => {
            depth::drop_iteratively(result.harness_extras.into_iter().map(|(_, value)| value));
            depth::drop_iteratively(result.decisions_recorded.into_iter().map(|decision| decision.input));
        }
        _ => {}
    }
}

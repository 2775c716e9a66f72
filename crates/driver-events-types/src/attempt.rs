use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::acceptance::{AcceptanceFailure, AcceptanceVerdict};
use crate::budget::{BudgetAxis, BudgetUsage};
use crate::codec::{json, strict, tagged};
use crate::decision::Decision;
use crate::id::GoalId;

/// Result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptResult {
    /// Id of the goal.
    pub goal_id: GoalId,
    /// Index of the attempt, from 0.
    pub turn_index: u32,
    /// Outcome of the attempt.
    pub outcome: AttemptOutcome,
    /// Decisions on tool calls during the attempt, in order. Decodes as empty if missing.
    #[serde(default, deserialize_with = "strict::objects")]
    pub decisions_recorded: Vec<Decision>,
    /// Budget that the goal has used after the attempt.
    #[serde(deserialize_with = "strict::object")]
    pub usage_after: BudgetUsage,
    /// Verdict on the acceptance criteria, if the agent claimed to be done. Omitted from the JSON if `None`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "strict::object_or_null"
    )]
    pub acceptance: Option<AcceptanceVerdict>,
    /// Last text of the agent. Omitted from the JSON if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_text: Option<String>,
    /// Free-form data from the harness that ran the agent. Omitted from the JSON if empty.
    #[serde(default, skip_serializing_if = "Map::is_empty", with = "json::map")]
    pub harness_extras: Map<String, Value>,
}

/// Outcome of an attempt. It determines the next step of the driver loop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// `done`: the goal is achieved.
    Done,
    /// `needs_retry`: the agent claimed to be done, but some acceptance criteria are not met.
    NeedsRetry {
        /// Criteria that are not met.
        failures: Vec<AcceptanceFailure>,
    },
    /// `continue`: the goal is not achieved yet; the next attempt follows.
    Continue {
        /// Reason why the attempt ended without a result.
        reason: String,
    },
    /// `sleep`: the next attempt follows after a pause.
    Sleep {
        /// Pause in milliseconds.
        duration_ms: u64,
        /// Reason for the pause.
        reason: String,
    },
    /// `budget_exhausted`: the goal reached a limit of its budget.
    BudgetExhausted {
        /// The limit that was reached.
        axis: BudgetAxis,
    },
    /// `cancelled`: the goal was cancelled.
    Cancelled,
    /// `escalate`: an operator must take over.
    Escalate {
        /// Reason for the escalation.
        reason: String,
    },
}

impl AttemptOutcome {
    /// Returns the text of `"kind"` in the JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NeedsRetry { .. } => "needs_retry",
            Self::Continue { .. } => "continue",
            Self::Sleep { .. } => "sleep",
            Self::BudgetExhausted { .. } => "budget_exhausted",
            Self::Cancelled => "cancelled",
            Self::Escalate { .. } => "escalate",
        }
    }
}

/// The fields of each kind, deserialized after the kind is known.
#[derive(Deserialize)]
#[serde(remote = "AttemptOutcome", rename_all = "snake_case")]
enum AttemptOutcomeFields {
    Done,
    NeedsRetry {
        #[serde(deserialize_with = "strict::objects")]
        failures: Vec<AcceptanceFailure>,
    },
    Continue {
        reason: String,
    },
    Sleep {
        duration_ms: u64,
        reason: String,
    },
    BudgetExhausted {
        #[serde(deserialize_with = "strict::unit_enum")]
        axis: BudgetAxis,
    },
    Cancelled,
    Escalate {
        reason: String,
    },
}

impl<'de> tagged::Fields<'de> for AttemptOutcomeFields {
    type Enum = AttemptOutcome;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<AttemptOutcome, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for AttemptOutcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize::<AttemptOutcomeFields, D>(deserializer)
    }
}

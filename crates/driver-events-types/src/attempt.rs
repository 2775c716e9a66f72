use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::codec::{json, strict, tagged};
use crate::{AcceptanceFailure, AcceptanceVerdict, BudgetAxis, BudgetUsage, Decision, GoalId};

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptResult {
    /// The goal that was attempted.
    pub goal_id: GoalId,
    /// The attempt's number, from 0.
    pub turn_index: u32,
    /// How the attempt ended.
    pub outcome: AttemptOutcome,
    /// The tool calls that were answered during the attempt, in order. Decodes as empty when missing.
    #[serde(default, deserialize_with = "strict::objects")]
    pub decisions_recorded: Vec<Decision>,
    /// What the goal has used of its budget after the attempt.
    #[serde(deserialize_with = "strict::object")]
    pub usage_after: BudgetUsage,
    /// The verdict on the criteria, when the agent claimed to be done. Left out of the JSON when absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "strict::object_or_null"
    )]
    pub acceptance: Option<AcceptanceVerdict>,
    /// The agent's last words. Left out of the JSON when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_text: Option<String>,
    /// Free facts from the harness that ran the agent. Left out of the JSON when empty.
    #[serde(default, skip_serializing_if = "Map::is_empty", with = "json::map")]
    pub harness_extras: Map<String, Value>,
}

/// How an attempt ended, and so what the driver loop does next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// `done`: the goal is reached.
    Done,
    /// `needs_retry`: the agent claimed to be done, and some criteria do not hold.
    NeedsRetry {
        /// The criteria that do not hold.
        failures: Vec<AcceptanceFailure>,
    },
    /// `continue`: the goal is not reached yet, go on.
    Continue {
        /// Why the attempt ended without a result.
        reason: String,
    },
    /// `sleep`: go on after a pause.
    Sleep {
        /// The pause, in milliseconds.
        duration_ms: u64,
        /// Why there is a pause.
        reason: String,
    },
    /// `budget_exhausted`: a limit of the budget is reached.
    BudgetExhausted {
        /// The limit.
        axis: BudgetAxis,
    },
    /// `cancelled`: somebody stopped the goal.
    Cancelled,
    /// `escalate`: a person must take over.
    Escalate {
        /// Why.
        reason: String,
    },
}

impl AttemptOutcome {
    /// The text of its `"kind"` in the JSON.
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

/// The fields of each kind, as the decoder reads them once it knows the kind.
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
        #[serde(deserialize_with = "strict::word")]
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

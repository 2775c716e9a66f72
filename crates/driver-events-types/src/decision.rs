use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::codec::{json, tagged, time};
use crate::id::{DecisionId, GoalId};

/// The driver's decision on a tool call that the agent proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Id of the decision.
    pub id: DecisionId,
    /// Id of the goal.
    pub goal_id: GoalId,
    /// Index of the attempt, from 0.
    pub turn_index: u32,
    /// Name of the tool.
    pub tool: String,
    /// Arguments of the call.
    #[serde(with = "json")]
    pub input: Value,
    /// Verdict on the call.
    pub choice: DecisionChoice,
    /// Reason for the verdict.
    pub rationale: String,
    /// Time of the decision.
    #[serde(with = "time")]
    pub decided_at: DateTime<Utc>,
}

/// Verdict on a proposed tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DecisionChoice {
    /// `allow`: the call proceeds.
    Allow,
    /// `deny`: the call is blocked.
    Deny {
        /// Message to the agent.
        message: String,
    },
    /// `observe`: the call proceeds, and the driver records the verdict that it would have enforced.
    Observe {
        /// The recorded verdict.
        note: String,
    },
}

impl DecisionChoice {
    /// Returns the text of `"kind"` in the JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny { .. } => "deny",
            Self::Observe { .. } => "observe",
        }
    }
}

/// The fields of each kind, deserialized after the kind is known.
#[derive(Deserialize)]
#[serde(remote = "DecisionChoice", rename_all = "snake_case")]
enum DecisionChoiceFields {
    Allow,
    Deny { message: String },
    Observe { note: String },
}

impl<'de> tagged::Fields<'de> for DecisionChoiceFields {
    type Enum = DecisionChoice;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<DecisionChoice, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for DecisionChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize::<DecisionChoiceFields, D>(deserializer)
    }
}

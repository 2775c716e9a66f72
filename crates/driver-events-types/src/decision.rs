use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::codec::{json, tagged, time};
use crate::{DecisionId, GoalId};

/// The driver's answer to one tool call that the agent proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Names the decision.
    pub id: DecisionId,
    /// The goal that the agent works on.
    pub goal_id: GoalId,
    /// The attempt's number, from 0.
    pub turn_index: u32,
    /// The tool that the agent wants to call.
    pub tool: String,
    /// What the agent wants to pass to it.
    #[serde(with = "json")]
    pub input: Value,
    /// The answer.
    pub choice: DecisionChoice,
    /// Why this answer.
    pub rationale: String,
    /// When the answer was given.
    #[serde(with = "time")]
    pub decided_at: DateTime<Utc>,
}

/// The answer to a proposed tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DecisionChoice {
    /// `allow`: the call may go ahead.
    Allow,
    /// `deny`: the call may not go ahead.
    Deny {
        /// What the agent is told.
        message: String,
    },
    /// `observe`: the call goes ahead, and the driver notes what it would have done.
    Observe {
        /// The note.
        note: String,
    },
}

impl DecisionChoice {
    /// The text of its `"kind"` in the JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny { .. } => "deny",
            Self::Observe { .. } => "observe",
        }
    }
}

/// The fields of each kind, as the decoder reads them once it knows the kind.
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

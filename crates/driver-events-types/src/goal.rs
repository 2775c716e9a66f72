use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::acceptance::{AcceptanceCriterion, AcceptanceVerdict};
use crate::attempt::AttemptOutcome;
use crate::budget::{BudgetGuards, BudgetUsage};
use crate::codec::{duration, json, strict};
use crate::id::GoalId;

/// The key of the agent's id in [`Goal::metadata`].
const AGENT_ID: &str = "agent_id";

/// A task for an agent: a description, acceptance criteria and a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// Id of the goal, repeated in every later event.
    pub id: GoalId,
    /// Description of the task, in the words of the requester.
    pub description: String,
    /// Criteria that must all be met before the goal is done. If empty, the agent's own claim suffices.
    pub acceptance: Vec<AcceptanceCriterion>,
    /// Limits at which the driver loop stops.
    #[serde(deserialize_with = "strict::object")]
    pub budget: BudgetGuards,
    /// Workspace of the agent, in the driver's notation. Omitted from the JSON if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Free-form metadata. Omitted from the JSON if empty.
    #[serde(default, skip_serializing_if = "Map::is_empty", with = "json::map")]
    pub metadata: Map<String, Value>,
}

impl Goal {
    /// Returns the id of the agent that works on the goal: `metadata["agent_id"]`, or `None` if it is not a non-empty
    /// string.
    #[must_use]
    pub fn agent_id(&self) -> Option<&str> {
        self.metadata
            .get(AGENT_ID)
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty())
    }

    /// Sets `metadata["agent_id"]`.
    #[must_use]
    pub fn with_agent_id(mut self, agent_id: impl Into<String>) -> Self {
        self.metadata
            .insert(AGENT_ID.to_owned(), Value::String(agent_id.into()));
        self
    }
}

/// Outcome of a goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalOutcome {
    /// Id of the goal.
    pub goal_id: GoalId,
    /// Outcome of the last attempt.
    pub outcome: AttemptOutcome,
    /// Number of attempts made.
    pub total_turns: u32,
    /// Budget that the goal used.
    #[serde(deserialize_with = "strict::object")]
    pub usage: BudgetUsage,
    /// Last text of the agent. `null` in the JSON if `None`.
    #[serde(default)]
    pub final_text: Option<String>,
    /// Last verdict on the acceptance criteria. `null` in the JSON if `None`.
    #[serde(default, deserialize_with = "strict::object_or_null")]
    pub acceptance: Option<AcceptanceVerdict>,
    /// Wall-clock time from the start of the goal to its end.
    #[serde(with = "duration")]
    pub elapsed: Duration,
}

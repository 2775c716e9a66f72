use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::codec::{duration, json, strict};
use crate::{AcceptanceCriterion, AcceptanceVerdict, AttemptOutcome, BudgetGuards, BudgetUsage, GoalId};

/// The key of [`Goal::metadata`] that holds the agent's id.
const AGENT_ID: &str = "agent_id";

/// What an agent is asked to achieve: a description, criteria that are checked objectively, and a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// Names the goal in every later event.
    pub id: GoalId,
    /// What is to be achieved, in the words of the person who asks.
    pub description: String,
    /// All of these must hold before the goal counts as done. Empty: the agent's word is taken.
    pub acceptance: Vec<AcceptanceCriterion>,
    /// When the driver loop gives up.
    #[serde(deserialize_with = "strict::object")]
    pub budget: BudgetGuards,
    /// Where the agent works, as the driver names it. Left out of the JSON when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Free facts about the goal. Left out of the JSON when empty.
    #[serde(default, skip_serializing_if = "Map::is_empty", with = "json::map")]
    pub metadata: Map<String, Value>,
}

impl Goal {
    /// The id of the agent that works on the goal: `metadata["agent_id"]`, where an empty text or a value that is no
    /// text reads as none.
    #[must_use]
    pub fn agent_id(&self) -> Option<&str> {
        self.metadata
            .get(AGENT_ID)
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty())
    }

    /// The goal with `metadata["agent_id"]` set.
    #[must_use]
    pub fn with_agent_id(mut self, agent_id: impl Into<String>) -> Self {
        self.metadata
            .insert(AGENT_ID.to_owned(), Value::String(agent_id.into()));
        self
    }
}

/// How a goal ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalOutcome {
    /// The goal that ended.
    pub goal_id: GoalId,
    /// How the last attempt ended.
    pub outcome: AttemptOutcome,
    /// The number of attempts that were made.
    pub total_turns: u32,
    /// What the goal used of its budget.
    #[serde(deserialize_with = "strict::object")]
    pub usage: BudgetUsage,
    /// The agent's last words. Written as `null` when absent.
    #[serde(default)]
    pub final_text: Option<String>,
    /// The last verdict on the criteria. Written as `null` when absent.
    #[serde(default, deserialize_with = "strict::object_or_null")]
    pub acceptance: Option<AcceptanceVerdict>,
    /// From the start of the goal to its end, on the wall clock.
    #[serde(with = "duration")]
    pub elapsed: Duration,
}

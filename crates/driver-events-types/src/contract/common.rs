//! Fields that many objects have.

use super::model::{Field, Shape};

pub(super) const GOAL_ID: Field =
    Field::required("goal_id", Shape::Id, "Id of the goal.").example(r#""6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01""#);

pub(super) const TURN_INDEX: Field =
    Field::required("turn_index", Shape::U32, "Index of the attempt, from 0.").example("3");

pub(super) const BEFORE_TOKENS: Field = Field::required(
    "before_tokens",
    Shape::U64,
    "Size of the agent's context before the compaction.",
)
.unit("tokens")
.example("182400");

pub(super) const AFTER_TOKENS: Field = Field::required(
    "after_tokens",
    Shape::U64,
    "Size of the agent's context after the compaction.",
)
.unit("tokens")
.example("31200");

pub(super) const LAST_TEXT: &str = "Last text of the agent.";

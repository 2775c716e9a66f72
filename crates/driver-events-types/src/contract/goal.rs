use super::acceptance::{ACCEPTANCE_CRITERION, ACCEPTANCE_VERDICT};
use super::attempt::ATTEMPT_OUTCOME;
use super::budget::{BUDGET_GUARDS, USAGE};
use super::common::{GOAL_ID, LAST_TEXT};
use super::model::{Field, Shape, Struct};

pub(super) static GOAL: Struct = Struct {
    name: "Goal",
    description: "A task for an agent: a description, acceptance criteria and a budget.",
    fields: &[
        Field::required("id", Shape::Id, "Id of the goal, repeated in every later event.")
            .example(r#""6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01""#),
        Field::required(
            "description",
            Shape::Text,
            "Description of the task, in the words of the requester.",
        )
        .example(r#""Fix the flaky retry test in the HTTP client""#),
        Field::required(
            "acceptance",
            Shape::Array(&Shape::Tagged(&ACCEPTANCE_CRITERION)),
            "Criteria that must all be met before the goal is done. If empty, the agent's own claim suffices.",
        ),
        Field::required(
            "budget",
            Shape::Struct(&BUDGET_GUARDS),
            "Limits at which the driver loop stops.",
        ),
        Field::omitted_when_none(
            "workspace",
            Shape::Text,
            "Workspace of the agent, in the driver's notation.",
        )
        .example(r#""worktrees/retry""#),
        Field::omitted_when_empty(
            "metadata",
            "Free-form metadata. A non-empty string `agent_id` names the agent that works on the goal.",
        )
        .example(r#"{"agent_id":"ana","priority":2}"#),
    ],
};

pub(super) static GOAL_OUTCOME: Struct = Struct {
    name: "GoalOutcome",
    description: "Outcome of a goal.",
    fields: &[
        GOAL_ID,
        Field::required(
            "outcome",
            Shape::Tagged(&ATTEMPT_OUTCOME),
            "Outcome of the last attempt.",
        ),
        Field::required("total_turns", Shape::U32, "Number of attempts made.")
            .unit("attempts")
            .example("4"),
        USAGE,
        Field::null_when_none("final_text", Shape::Text, LAST_TEXT).example(r#""All 50 runs passed.""#),
        Field::null_when_none(
            "acceptance",
            Shape::Struct(&ACCEPTANCE_VERDICT),
            "Last verdict on the acceptance criteria.",
        ),
        Field::required(
            "elapsed",
            Shape::Duration,
            "Wall-clock time from the start of the goal to its end.",
        )
        .example(r#""12m 41s 90ms""#),
    ],
};

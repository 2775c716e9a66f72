use super::acceptance::{ACCEPTANCE_VERDICT, FAILURES};
use super::budget::{AXIS, BUDGET_USAGE};
use super::common::{GOAL_ID, LAST_TEXT, TURN_INDEX};
use super::decision::DECISION;
use super::model::{Field, Shape, Struct, Tagged, Variant};

pub(super) static ATTEMPT_RESULT: Struct = Struct {
    name: "AttemptResult",
    description: "Result of an attempt.",
    fields: &[
        GOAL_ID,
        TURN_INDEX,
        Field::required("outcome", Shape::Tagged(&ATTEMPT_OUTCOME), "Outcome of the attempt."),
        Field::with_default(
            "decisions_recorded",
            Shape::Array(&Shape::Struct(&DECISION)),
            "[]",
            "Decisions on tool calls during the attempt, in order.",
        ),
        Field::required(
            "usage_after",
            Shape::Struct(&BUDGET_USAGE),
            "Budget that the goal has used after the attempt.",
        ),
        Field::omitted_when_none(
            "acceptance",
            Shape::Struct(&ACCEPTANCE_VERDICT),
            "Verdict on the acceptance criteria, if the agent claimed to be done.",
        ),
        Field::omitted_when_none("final_text", Shape::Text, LAST_TEXT).example(r#""All 50 runs passed.""#),
        Field::omitted_when_empty("harness_extras", "Free-form data from the harness that ran the agent.")
            .example(r#"{"model":"large"}"#),
    ],
};

pub(super) static ATTEMPT_OUTCOME: Tagged = Tagged {
    name: "AttemptOutcome",
    description: "Outcome of an attempt. It determines the next step of the driver loop.",
    kinds: &[
        Variant::new("done", "The goal is achieved.", &[]),
        Variant::new(
            "needs_retry",
            "The agent claimed to be done, but some acceptance criteria are not met.",
            &[Field::required("failures", FAILURES, "Criteria that are not met.")],
        ),
        Variant::new(
            "continue",
            "The goal is not achieved yet; the next attempt follows.",
            &[reason(
                "Reason why the attempt ended without a result.",
                r#""the turn limit of the session""#,
            )],
        ),
        Variant::new(
            "sleep",
            "The next attempt follows after a pause.",
            &[
                Field::required("duration_ms", Shape::U64, "Length of the pause.")
                    .unit("milliseconds")
                    .example("30000"),
                reason("Reason for the pause.", r#""rate limit of the provider""#),
            ],
        ),
        Variant::new("budget_exhausted", "The goal reached a limit of its budget.", &[AXIS]),
        Variant::new("cancelled", "The goal was cancelled.", &[]),
        Variant::new(
            "escalate",
            "An operator must take over.",
            &[reason(
                "Reason for the escalation.",
                r#""permission denied by the vault""#,
            )],
        ),
    ],
};

const fn reason(description: &'static str, example: &'static str) -> Field {
    Field::required("reason", Shape::Text, description).example(example)
}

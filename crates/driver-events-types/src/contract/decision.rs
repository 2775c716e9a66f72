use super::common::{GOAL_ID, TURN_INDEX};
use super::model::{Field, Shape, Struct, Tagged, Variant};

pub(super) static DECISION: Struct = Struct {
    name: "Decision",
    description: "Decision of the driver on a tool call that the agent proposed.",
    fields: &[
        Field::required("id", Shape::Id, "Id of the decision.").example(r#""0d6c2a4e-1f0a-4c0e-8d2b-6a1f9b7c5e11""#),
        GOAL_ID,
        TURN_INDEX,
        Field::required("tool", Shape::Text, "Name of the tool.").example(r#""shell""#),
        Field::required("input", Shape::Json, "Arguments of the call.").example(r#"{"command":"cargo test"}"#),
        Field::required("choice", Shape::Tagged(&DECISION_CHOICE), "Verdict on the call."),
        Field::required("rationale", Shape::Text, "Reason for the verdict.").example(r#""reads only""#),
        Field::required("decided_at", Shape::Time, "Time of the decision.").example(r#""2026-06-01T08:00:03.120Z""#),
    ],
};

static DECISION_CHOICE: Tagged = Tagged {
    name: "DecisionChoice",
    description: "Verdict on a proposed tool call.",
    kinds: &[
        Variant::new("allow", "The call proceeds.", &[]),
        Variant::new(
            "deny",
            "The call is blocked.",
            &[Field::required("message", Shape::Text, "Message to the agent.")
                .example(r#""force pushes are not allowed""#)],
        ),
        Variant::new(
            "observe",
            "The call proceeds, and the driver records the verdict that it would have enforced.",
            &[Field::required("note", Shape::Text, "The recorded verdict.")
                .example(r#""would deny: writes outside the workspace""#)],
        ),
    ],
};

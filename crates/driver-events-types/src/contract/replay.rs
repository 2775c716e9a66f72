use super::model::{Field, Shape, Tagged, Variant};

const ROLLBACK_TO: Field = Field::omitted_when_none(
    "rollback_to",
    Shape::Text,
    "State of the workspace to roll back to first.",
)
.example(r#""checkpoint-7""#);

pub(super) static REPLAY_DECISION: Tagged = Tagged {
    name: "ReplayDecision",
    description: "The driver loop's reaction to an error within a turn.",
    kinds: &[
        Variant::new(
            "fresh_session_retry",
            "The turn is retried in a new session.",
            &[ROLLBACK_TO],
        ),
        Variant::new(
            "next_turn",
            "The turn is abandoned and the next one starts.",
            &[ROLLBACK_TO],
        ),
        Variant::new(
            "compact_and_retry",
            "The context is compacted and the turn is retried.",
            &[],
        ),
        Variant::new(
            "escalate",
            "An operator must take over.",
            &[Field::required("reason", Shape::Text, "Reason for the escalation.")
                .example(r#""the session store is corrupt""#)],
        ),
    ],
};

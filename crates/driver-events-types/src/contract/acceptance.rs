use super::model::{Field, Shape, Struct, Tagged, Variant};

pub(super) const FAILURES: Shape = Shape::Array(&Shape::Struct(&ACCEPTANCE_FAILURE));

pub(super) static ACCEPTANCE_CRITERION: Tagged = Tagged {
    name: "AcceptanceCriterion",
    description: "A criterion that must be met before a goal is done.",
    kinds: &[
        Variant::new(
            "shell_command",
            "A command that must succeed.",
            &[
                Field::required("command", Shape::Text, "Command line for a shell.").example(r#""cargo test""#),
                Field::omitted_when_none(
                    "expected_exit",
                    Shape::I32,
                    "Exit status that counts as success. The evaluator has a default.",
                )
                .example("0"),
                Field::omitted_when_none(
                    "stdout_must_match",
                    Shape::Text,
                    "Regular expression that the standard output must match.",
                )
                .example(r#""test result: ok""#),
                Field::with_default(
                    "timeout_secs",
                    Shape::U64,
                    "300",
                    "Timeout of the command; 0 means the evaluator's default.",
                )
                .unit("seconds")
                .example("600"),
            ],
        ),
        Variant::new(
            "file_matches",
            "A file whose content must match.",
            &[
                Field::required(
                    "path",
                    Shape::Text,
                    "Path of the file, relative to the goal's workspace.",
                )
                .example(r#""src/retry.rs""#),
                Field::required("regex", Shape::Text, "Regular expression that the content must match.")
                    .example(r#""fn backoff""#),
                Field::with_default(
                    "required",
                    Shape::Bool,
                    "true",
                    "Whether a missing file fails the criterion.",
                )
                .example("true"),
            ],
        ),
        Variant::new(
            "custom",
            "A check that is registered with the driver.",
            &[
                Field::required("name", Shape::Text, "Name of the check.").example(r#""coverage""#),
                Field::required("args", Shape::Json, "Arguments of the check.").example(r#"{"min_percent":85}"#),
            ],
        ),
        Variant::new(
            "llm_judge",
            "A criterion in prose that a model evaluates.",
            &[Field::required("criterion_text", Shape::Text, "Text of the criterion.")
                .example(r#""the diff must not widen any timeout""#)],
        ),
    ],
};

pub(super) static ACCEPTANCE_VERDICT: Struct = Struct {
    name: "AcceptanceVerdict",
    description: "Verdict on a goal's acceptance criteria, after the agent claimed to be done.",
    fields: &[
        Field::required("met", Shape::Bool, "Whether every criterion is met.").example("false"),
        Field::with_default("failures", FAILURES, "[]", "Criteria that are not met."),
        Field::required("evaluated_at", Shape::Time, "Time of the verdict.").example(r#""2026-06-01T08:04:11Z""#),
        Field::required("elapsed_ms", Shape::U64, "Duration of the evaluation.")
            .unit("milliseconds")
            .example("5210"),
    ],
};

static ACCEPTANCE_FAILURE: Struct = Struct {
    name: "AcceptanceFailure",
    description: "A criterion that is not met.",
    fields: &[
        Field::required(
            "criterion_index",
            Shape::U64,
            "Index of the criterion in the goal's `acceptance`, from 0.",
        )
        .example("1"),
        Field::required(
            "criterion_label",
            Shape::Text,
            "Short label of the criterion for display.",
        )
        .example(r#""cargo test""#),
        Field::required("message", Shape::Text, "Reason why it is not met.").example(r#""exit status 101""#),
        Field::omitted_when_none(
            "evidence",
            Shape::Text,
            "Evidence from the evaluator, such as the output of a command.",
        )
        .example(r#""1 failed; 41 passed""#),
    ],
};

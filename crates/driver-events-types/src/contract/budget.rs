use super::model::{Field, OneOf, Shape, Struct, Value};

pub(super) const USAGE: Field = Field::required(
    "usage",
    Shape::Struct(&BUDGET_USAGE),
    "Budget that the goal has used so far.",
);

pub(super) const AXIS: Field = Field::required("axis", Shape::OneOf(&BUDGET_AXIS), "Limit that was reached.");

pub(super) static BUDGET_GUARDS: Struct = Struct {
    name: "BudgetGuards",
    description: "Limits of a goal's budget. A limit is reached if the usage is at least the limit.",
    fields: &[
        Field::required("max_turns", Shape::U32, "Maximum number of attempts.")
            .unit("attempts")
            .example("8"),
        Field::required("max_wall_time", Shape::Duration, "Maximum wall-clock time.").example(r#""30m""#),
        Field::required(
            "max_tokens",
            Shape::U64,
            "Maximum number of tokens over all attempts.",
        )
        .unit("tokens")
        .example("400000"),
        Field::required(
            "max_consecutive_denies",
            Shape::U32,
            "Maximum number of consecutive denied decisions.",
        )
        .unit("decisions")
        .example("3"),
        Field::with_default(
            "max_consecutive_errors",
            Shape::U32,
            "5",
            "Maximum number of consecutive failed attempts; 0 disables the limit.",
        )
        .unit("attempts")
        .example("5"),
        Field::with_default(
            "max_consecutive_413",
            Shape::U32,
            "2",
            "Maximum number of consecutive attempts that the provider refused as too large (HTTP 413); 0 disables the limit.",
        )
        .unit("attempts")
        .example("2"),
    ],
};

pub(super) static BUDGET_USAGE: Struct = Struct {
    name: "BudgetUsage",
    description: "Budget that a goal has used so far.",
    fields: &[
        Field::required("turns", Shape::U32, "Number of attempts made.")
            .unit("attempts")
            .example("2"),
        Field::required("wall_time", Shape::Duration, "Wall-clock time elapsed.").example(r#""1m 36s 410ms""#),
        Field::required("tokens", Shape::U64, "Tokens used over all attempts.")
            .unit("tokens")
            .example("41200"),
        Field::required(
            "consecutive_denies",
            Shape::U32,
            "Consecutive denied decisions, since the last allowed one.",
        )
        .unit("decisions")
        .example("0"),
        Field::with_default(
            "consecutive_errors",
            Shape::U32,
            "0",
            "Consecutive failed attempts, since the last successful one.",
        )
        .unit("attempts")
        .example("0"),
        Field::with_default(
            "consecutive_413",
            Shape::U32,
            "0",
            "Consecutive attempts that the provider refused as too large (HTTP 413).",
        )
        .unit("attempts")
        .example("0"),
    ],
};

pub(super) static BUDGET_AXIS: OneOf = OneOf {
    name: "BudgetAxis",
    description: "A limit of a budget.",
    values: &[
        Value::new("turns", "The limit `max_turns`."),
        Value::new("wall_time", "The limit `max_wall_time`."),
        Value::new("tokens", "The limit `max_tokens`."),
        Value::new("consecutive_denies", "The limit `max_consecutive_denies`."),
        Value::new("consecutive_errors", "The limit `max_consecutive_errors`."),
        Value::new(
            "consecutive413",
            "The limit `max_consecutive_413`. This text has no underscore before the digits.",
        ),
    ],
};

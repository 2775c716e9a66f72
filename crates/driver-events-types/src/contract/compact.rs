use super::model::{Field, Shape, Tagged, Variant};

pub(super) const AGE_MINUTES: Field = Field::required("age_minutes", Shape::U64, "Age of the context.")
    .unit("minutes")
    .example("95");

pub(super) static COMPACT_TRIGGER: Tagged = Tagged {
    name: "CompactTrigger",
    description: "Condition that triggered a compaction of the agent's context.",
    kinds: &[
        Variant::new(
            "token_pressure",
            "The context window is nearly full.",
            &[
                Field::required("pct", Shape::F64, "Fraction of the context window in use; 1.0 is full.")
                    .example("0.91"),
                Field::required("tokens_used", Shape::U64, "Size of the context.")
                    .unit("tokens")
                    .example("182400"),
                Field::required("context_window", Shape::U64, "Capacity of the context window.")
                    .unit("tokens")
                    .example("200000"),
            ],
        ),
        Variant::new(
            "age",
            "The context reached its maximum age.",
            &[
                AGE_MINUTES,
                Field::required("max_age_minutes", Shape::U64, "Maximum age of the context.")
                    .unit("minutes")
                    .example("90"),
            ],
        ),
    ],
};

//! The wire contract as data: the fields of every kind and type, in encoding order.
//!
//! The decoder's error messages and the event catalogue are derived from these tables; a program can generate a schema
//! from them. Tests compare them with the encoder and the decoder.
//!
//! # Examples
//! ```
//! use driver_events_types::EventKind;
//!
//! let fields: Vec<_> = EventKind::Escalate.fields().iter().map(|field| field.name).collect();
//! assert_eq!(fields, ["goal_id", "reason"]);
//! ```

use crate::kind::EventKind;

/// A field of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// Form of the value.
    pub shape: Shape,
    /// Meaning of an absent key.
    pub presence: Presence,
}

/// Whether a field may be absent, and what its absence means.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Presence {
    /// Always written. Absence is an error.
    Required,
    /// Always written. Absence means this JSON value.
    Default(&'static str),
    /// Omitted if `None`. `null` is accepted too.
    OmittedWhenNone,
    /// Omitted if the object is empty.
    OmittedWhenEmpty,
    /// `null` if `None`. Absence is accepted too.
    NullWhenNone,
}

/// The form of a value in the JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// A string.
    Text,
    /// `true` or `false`.
    Bool,
    /// A number: a signed 32-bit integer.
    I32,
    /// A number: an unsigned 32-bit integer.
    U32,
    /// A number: an unsigned 64-bit integer.
    U64,
    /// A number: a finite 64-bit float, written as the shortest text that decodes to the same bits.
    F64,
    /// A string: a UUID in lower case with hyphens.
    Id,
    /// A string: an RFC 3339 time in UTC.
    Time,
    /// A string: a duration in the format of the humantime crate.
    Duration,
    /// Any JSON value, with sorted keys and numbers as shortest text.
    Json,
    /// An object with arbitrary keys, sorted.
    Map,
    /// An array.
    Array(&'static Shape),
    /// An object.
    Struct(&'static Struct),
    /// An object whose fields depend on its first field, `"kind"`.
    Tagged(&'static Tagged),
    /// A string from a fixed list.
    OneOf(&'static OneOf),
}

/// An object with fixed fields.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Struct {
    /// Name of the Rust type.
    pub name: &'static str,
    /// The fields in encoding order.
    pub fields: &'static [Field],
}

/// An object whose fields depend on its `"kind"`.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Tagged {
    /// Name of the Rust type.
    pub name: &'static str,
    /// The kinds, each with its other fields in encoding order.
    pub kinds: &'static [(&'static str, &'static [Field])],
}

/// A string from a fixed list.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct OneOf {
    /// Name of the Rust type.
    pub name: &'static str,
    /// The values.
    pub values: &'static [&'static str],
}

impl EventKind {
    /// Returns the fields that follow `"kind"` in the event's JSON, in encoding order.
    #[must_use]
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::GoalStarted => const { &[required("goal", Shape::Struct(&GOAL))] },
            Self::GoalCompleted => const { &[required("outcome", Shape::Struct(&GOAL_OUTCOME))] },
            Self::AttemptStarted => const { &[GOAL_ID, TURN_INDEX, USAGE] },
            Self::AttemptCompleted => const { &[required("result", Shape::Struct(&ATTEMPT_RESULT))] },
            Self::Decision => const { &[required("decision", Shape::Struct(&DECISION))] },
            Self::Acceptance => const { &[GOAL_ID, required("verdict", Shape::Struct(&ACCEPTANCE_VERDICT))] },
            Self::BudgetExhausted => const { &[GOAL_ID, AXIS, USAGE] },
            Self::Escalate => const { &[GOAL_ID, REASON] },
            Self::ReplayDecision => {
                const {
                    &[
                        GOAL_ID,
                        TURN_INDEX,
                        required("decision", Shape::Tagged(&REPLAY_DECISION)),
                        required("error_message", Shape::Text),
                    ]
                }
            }
            Self::CompactRequested => {
                const {
                    &[
                        GOAL_ID,
                        TURN_INDEX,
                        required("focus", Shape::Text),
                        required("token_pressure", Shape::F64),
                        required("before_tokens", Shape::U64),
                        required("age_minutes", Shape::U64),
                        required("trigger", Shape::Tagged(&COMPACT_TRIGGER)),
                    ]
                }
            }
            Self::CompactCompleted => const { &[GOAL_ID, TURN_INDEX, required("after_tokens", Shape::U64)] },
            Self::CompactSummaryStored => {
                const {
                    &[
                        GOAL_ID,
                        TURN_INDEX,
                        required("before_tokens", Shape::U64),
                        required("after_tokens", Shape::U64),
                    ]
                }
            }
            Self::ExtractMemoriesCompleted => {
                const {
                    &[
                        GOAL_ID,
                        TURN_INDEX,
                        required("memories_saved", Shape::U32),
                        required("duration_ms", Shape::U64),
                    ]
                }
            }
            Self::ExtractMemoriesSkipped => {
                const { &[GOAL_ID, required("reason", Shape::OneOf(&EXTRACT_SKIP_REASON))] }
            }
            Self::AutoDreamOutcome => {
                const {
                    &[
                        GOAL_ID,
                        required("outcome_kind", Shape::OneOf(&AUTO_DREAM_OUTCOME_KIND)),
                    ]
                }
            }
            Self::Progress => {
                const {
                    &[
                        GOAL_ID,
                        TURN_INDEX,
                        USAGE,
                        field("last_text", Shape::Text, Presence::NullWhenNone),
                    ]
                }
            }
        }
    }
}

const fn field(name: &'static str, shape: Shape, presence: Presence) -> Field {
    Field { name, shape, presence }
}

const fn required(name: &'static str, shape: Shape) -> Field {
    field(name, shape, Presence::Required)
}

const GOAL_ID: Field = required("goal_id", Shape::Id);
const TURN_INDEX: Field = required("turn_index", Shape::U32);
const USAGE: Field = required("usage", Shape::Struct(&BUDGET_USAGE));
const AXIS: Field = required("axis", Shape::OneOf(&BUDGET_AXIS));
const REASON: Field = required("reason", Shape::Text);
const ROLLBACK_TO: Field = field("rollback_to", Shape::Text, Presence::OmittedWhenNone);
const FAILURES: Shape = Shape::Array(&Shape::Struct(&ACCEPTANCE_FAILURE));

static GOAL: Struct = Struct {
    name: "Goal",
    fields: &[
        required("id", Shape::Id),
        required("description", Shape::Text),
        required("acceptance", Shape::Array(&Shape::Tagged(&ACCEPTANCE_CRITERION))),
        required("budget", Shape::Struct(&BUDGET_GUARDS)),
        field("workspace", Shape::Text, Presence::OmittedWhenNone),
        field("metadata", Shape::Map, Presence::OmittedWhenEmpty),
    ],
};

static BUDGET_GUARDS: Struct = Struct {
    name: "BudgetGuards",
    fields: &[
        required("max_turns", Shape::U32),
        required("max_wall_time", Shape::Duration),
        required("max_tokens", Shape::U64),
        required("max_consecutive_denies", Shape::U32),
        field("max_consecutive_errors", Shape::U32, Presence::Default("5")),
        field("max_consecutive_413", Shape::U32, Presence::Default("2")),
    ],
};

static BUDGET_USAGE: Struct = Struct {
    name: "BudgetUsage",
    fields: &[
        required("turns", Shape::U32),
        required("wall_time", Shape::Duration),
        required("tokens", Shape::U64),
        required("consecutive_denies", Shape::U32),
        field("consecutive_errors", Shape::U32, Presence::Default("0")),
        field("consecutive_413", Shape::U32, Presence::Default("0")),
    ],
};

static ATTEMPT_RESULT: Struct = Struct {
    name: "AttemptResult",
    fields: &[
        GOAL_ID,
        TURN_INDEX,
        required("outcome", Shape::Tagged(&ATTEMPT_OUTCOME)),
        field(
            "decisions_recorded",
            Shape::Array(&Shape::Struct(&DECISION)),
            Presence::Default("[]"),
        ),
        required("usage_after", Shape::Struct(&BUDGET_USAGE)),
        field(
            "acceptance",
            Shape::Struct(&ACCEPTANCE_VERDICT),
            Presence::OmittedWhenNone,
        ),
        field("final_text", Shape::Text, Presence::OmittedWhenNone),
        field("harness_extras", Shape::Map, Presence::OmittedWhenEmpty),
    ],
};

static GOAL_OUTCOME: Struct = Struct {
    name: "GoalOutcome",
    fields: &[
        GOAL_ID,
        required("outcome", Shape::Tagged(&ATTEMPT_OUTCOME)),
        required("total_turns", Shape::U32),
        USAGE,
        field("final_text", Shape::Text, Presence::NullWhenNone),
        field("acceptance", Shape::Struct(&ACCEPTANCE_VERDICT), Presence::NullWhenNone),
        required("elapsed", Shape::Duration),
    ],
};

static DECISION: Struct = Struct {
    name: "Decision",
    fields: &[
        required("id", Shape::Id),
        GOAL_ID,
        TURN_INDEX,
        required("tool", Shape::Text),
        required("input", Shape::Json),
        required("choice", Shape::Tagged(&DECISION_CHOICE)),
        required("rationale", Shape::Text),
        required("decided_at", Shape::Time),
    ],
};

static ACCEPTANCE_VERDICT: Struct = Struct {
    name: "AcceptanceVerdict",
    fields: &[
        required("met", Shape::Bool),
        field("failures", FAILURES, Presence::Default("[]")),
        required("evaluated_at", Shape::Time),
        required("elapsed_ms", Shape::U64),
    ],
};

static ACCEPTANCE_FAILURE: Struct = Struct {
    name: "AcceptanceFailure",
    fields: &[
        required("criterion_index", Shape::U64),
        required("criterion_label", Shape::Text),
        required("message", Shape::Text),
        field("evidence", Shape::Text, Presence::OmittedWhenNone),
    ],
};

static ACCEPTANCE_CRITERION: Tagged = Tagged {
    name: "AcceptanceCriterion",
    kinds: &[
        (
            "shell_command",
            &[
                required("command", Shape::Text),
                field("expected_exit", Shape::I32, Presence::OmittedWhenNone),
                field("stdout_must_match", Shape::Text, Presence::OmittedWhenNone),
                field("timeout_secs", Shape::U64, Presence::Default("300")),
            ],
        ),
        (
            "file_matches",
            &[
                required("path", Shape::Text),
                required("regex", Shape::Text),
                field("required", Shape::Bool, Presence::Default("true")),
            ],
        ),
        (
            "custom",
            &[required("name", Shape::Text), required("args", Shape::Json)],
        ),
        ("llm_judge", &[required("criterion_text", Shape::Text)]),
    ],
};

static ATTEMPT_OUTCOME: Tagged = Tagged {
    name: "AttemptOutcome",
    kinds: &[
        ("done", &[]),
        ("needs_retry", &[required("failures", FAILURES)]),
        ("continue", &[REASON]),
        ("sleep", &[required("duration_ms", Shape::U64), REASON]),
        ("budget_exhausted", &[AXIS]),
        ("cancelled", &[]),
        ("escalate", &[REASON]),
    ],
};

static DECISION_CHOICE: Tagged = Tagged {
    name: "DecisionChoice",
    kinds: &[
        ("allow", &[]),
        ("deny", &[required("message", Shape::Text)]),
        ("observe", &[required("note", Shape::Text)]),
    ],
};

static REPLAY_DECISION: Tagged = Tagged {
    name: "ReplayDecision",
    kinds: &[
        ("fresh_session_retry", &[ROLLBACK_TO]),
        ("next_turn", &[ROLLBACK_TO]),
        ("compact_and_retry", &[]),
        ("escalate", &[REASON]),
    ],
};

static COMPACT_TRIGGER: Tagged = Tagged {
    name: "CompactTrigger",
    kinds: &[
        (
            "token_pressure",
            &[
                required("pct", Shape::F64),
                required("tokens_used", Shape::U64),
                required("context_window", Shape::U64),
            ],
        ),
        (
            "age",
            &[
                required("age_minutes", Shape::U64),
                required("max_age_minutes", Shape::U64),
            ],
        ),
    ],
};

static BUDGET_AXIS: OneOf = OneOf {
    name: "BudgetAxis",
    values: &[
        "turns",
        "wall_time",
        "tokens",
        "consecutive_denies",
        "consecutive_errors",
        "consecutive413",
    ],
};

static EXTRACT_SKIP_REASON: OneOf = OneOf {
    name: "ExtractSkipReason",
    values: &[
        "disabled",
        "throttled",
        "in_progress",
        "circuit_breaker_open",
        "main_agent_wrote",
    ],
};

static AUTO_DREAM_OUTCOME_KIND: OneOf = OneOf {
    name: "AutoDreamOutcomeKind",
    values: &[
        "completed",
        "skipped_disabled",
        "skipped_kairos_active",
        "skipped_remote_mode",
        "skipped_auto_memory_disabled",
        "skipped_time_gate",
        "skipped_scan_throttle",
        "skipped_session_gate",
        "lock_blocked",
        "errored",
        "timed_out",
        "escape_audit",
    ],
};

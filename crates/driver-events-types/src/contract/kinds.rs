//! The kinds of events.

use super::acceptance::ACCEPTANCE_VERDICT;
use super::attempt::ATTEMPT_RESULT;
use super::budget::{AXIS, USAGE};
use super::common::{AFTER_TOKENS, BEFORE_TOKENS, GOAL_ID, LAST_TEXT, TURN_INDEX};
use super::compact::{AGE_MINUTES, COMPACT_TRIGGER};
use super::decision::DECISION;
use super::goal::{GOAL, GOAL_OUTCOME};
use super::memory::{AUTO_DREAM_OUTCOME_KIND, EXTRACT_SKIP_REASON};
use super::model::{Field, Shape};
use super::replay::REPLAY_DECISION;
use crate::kind::EventKind;

impl EventKind {
    /// Returns the fields that follow `"kind"` in the event's JSON, in encoding order.
    #[must_use]
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::GoalStarted => const { &[Field::required("goal", Shape::Struct(&GOAL), "The goal.")] },
            Self::GoalCompleted => {
                const {
                    &[Field::required(
                        "outcome",
                        Shape::Struct(&GOAL_OUTCOME),
                        "Outcome of the goal.",
                    )]
                }
            }
            Self::AttemptStarted => const { &[GOAL_ID, TURN_INDEX, USAGE] },
            Self::AttemptCompleted => {
                const {
                    &[Field::required(
                        "result",
                        Shape::Struct(&ATTEMPT_RESULT),
                        "Result of the attempt.",
                    )]
                }
            }
            Self::Decision => const { &[Field::required("decision", Shape::Struct(&DECISION), "The decision.")] },
            Self::Acceptance => {
                const {
                    &[
                        GOAL_ID,
                        Field::required("verdict", Shape::Struct(&ACCEPTANCE_VERDICT), "The verdict."),
                    ]
                }
            }
            Self::BudgetExhausted => const { &[GOAL_ID, AXIS, USAGE] },
            Self::Escalate => {
                const {
                    &[
                        GOAL_ID,
                        Field::required("reason", Shape::Text, "Reason for the escalation.")
                            .example(r#""permission denied by the vault""#),
                    ]
                }
            }
            Self::ReplayDecision => {
                const {
                    &[
                        GOAL_ID,
                        TURN_INDEX,
                        Field::required("decision", Shape::Tagged(&REPLAY_DECISION), "The decision."),
                        Field::required("error_message", Shape::Text, "Text of the error.")
                            .example(r#""stream closed before the end of the response""#),
                    ]
                }
            }
            Self::CompactRequested => {
                const {
                    &[
                        GOAL_ID,
                        TURN_INDEX,
                        Field::required("focus", Shape::Text, "Topic that the summary must keep.")
                            .example(r#""the failing retry test""#),
                        Field::required(
                            "token_pressure",
                            Shape::F64,
                            "Fraction of the context window in use; 1.0 is full.",
                        )
                        .example("0.91"),
                        BEFORE_TOKENS,
                        AGE_MINUTES,
                        Field::required(
                            "trigger",
                            Shape::Tagged(&COMPACT_TRIGGER),
                            "Condition that triggered the request.",
                        ),
                    ]
                }
            }
            Self::CompactCompleted => const { &[GOAL_ID, TURN_INDEX, AFTER_TOKENS] },
            Self::CompactSummaryStored => const { &[GOAL_ID, TURN_INDEX, BEFORE_TOKENS, AFTER_TOKENS] },
            Self::ExtractMemoriesCompleted => {
                const {
                    &[
                        GOAL_ID,
                        TURN_INDEX,
                        Field::required("memories_saved", Shape::U32, "Number of memories saved.")
                            .unit("memories")
                            .example("3"),
                        Field::required("duration_ms", Shape::U64, "Duration of the pass.")
                            .unit("milliseconds")
                            .example("2140"),
                    ]
                }
            }
            Self::ExtractMemoriesSkipped => {
                const {
                    &[
                        GOAL_ID,
                        Field::required("reason", Shape::OneOf(&EXTRACT_SKIP_REASON), "Reason for the skip."),
                    ]
                }
            }
            Self::AutoDreamOutcome => {
                const {
                    &[
                        GOAL_ID,
                        Field::required(
                            "outcome_kind",
                            Shape::OneOf(&AUTO_DREAM_OUTCOME_KIND),
                            "Outcome of the pass.",
                        ),
                    ]
                }
            }
            Self::Progress => {
                const {
                    &[
                        GOAL_ID,
                        TURN_INDEX,
                        USAGE,
                        Field::null_when_none("last_text", Shape::Text, LAST_TEXT)
                            .example(r#""Running the test 50 times.""#),
                    ]
                }
            }
        }
    }

    /// Returns what happened when an event of this kind is published, in one or two sentences.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::GoalStarted => "The driver accepted a goal: a description, acceptance criteria and a budget.",
            Self::GoalCompleted => "The goal ended, successfully or not.",
            Self::AttemptStarted => "An attempt (a turn) of the agent started. Attempts are numbered from 0.",
            Self::AttemptCompleted => "An attempt ended, with its results.",
            Self::Decision => "The driver allowed, denied or observed a tool call that the agent proposed.",
            Self::Acceptance => "The agent claimed to be done, and the acceptance criteria were evaluated.",
            Self::BudgetExhausted => "A limit of the goal's budget was reached.",
            Self::Escalate => "The goal was escalated to an operator.",
            Self::ReplayDecision => "The driver decided how to continue after an error during a turn.",
            Self::CompactRequested => "The agent was asked to compact its context.",
            Self::CompactCompleted => "The context was compacted. Follows `compact_requested`.",
            Self::CompactSummaryStored => "The summary that replaces the compacted context was stored.",
            Self::ExtractMemoriesCompleted => "A background pass extracted and saved memories.",
            Self::ExtractMemoriesSkipped => "The pass that extracts memories was skipped.",
            Self::AutoDreamOutcome => "The outcome of the background pass that consolidates memories.",
            Self::Progress => "A heartbeat every few turns, with the budget used so far.",
        }
    }

    /// Returns the version of these crates that has the kind first.
    #[must_use]
    pub const fn since(self) -> &'static str {
        match self {
            Self::GoalStarted
            | Self::GoalCompleted
            | Self::AttemptStarted
            | Self::AttemptCompleted
            | Self::Decision
            | Self::Acceptance
            | Self::BudgetExhausted
            | Self::Escalate
            | Self::ReplayDecision
            | Self::CompactRequested
            | Self::CompactCompleted
            | Self::CompactSummaryStored
            | Self::ExtractMemoriesCompleted
            | Self::ExtractMemoriesSkipped
            | Self::AutoDreamOutcome
            | Self::Progress => "0.1.0",
        }
    }
}

use serde::{Deserialize, Deserializer, Serialize};

use crate::acceptance::AcceptanceVerdict;
use crate::attempt::AttemptResult;
use crate::budget::{BudgetAxis, BudgetUsage};
use crate::codec::{float, strict, tagged};
use crate::compact::CompactTrigger;
use crate::decision::Decision;
use crate::goal::{Goal, GoalOutcome};
use crate::id::GoalId;
use crate::kind::EventKind;
use crate::memory::{AutoDreamOutcomeKind, ExtractSkipReason};
use crate::replay::ReplayDecision;

/// An event of a driver loop.
///
/// The JSON is an object whose first key is `"kind"`, followed by the variant's fields in the order of declaration.
/// Encode with [`to_json`](Self::to_json) and decode with [`from_json`](Self::from_json). serde's traits produce the same
/// bytes, but do not apply [`Limits`](crate::Limits).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DriverEvent {
    /// `goal_started`: the driver accepted a goal.
    GoalStarted {
        /// The goal.
        goal: Goal,
    },
    /// `goal_completed`: a goal ended, successfully or not.
    GoalCompleted {
        /// Outcome of the goal.
        outcome: GoalOutcome,
    },
    /// `attempt_started`: an attempt started.
    AttemptStarted {
        /// Id of the goal.
        goal_id: GoalId,
        /// Index of the attempt, from 0.
        turn_index: u32,
        /// Budget that the goal has used so far.
        usage: BudgetUsage,
    },
    /// `attempt_completed`: an attempt ended.
    AttemptCompleted {
        /// Result of the attempt.
        result: AttemptResult,
    },
    /// `decision`: the driver decided on a tool call that the agent proposed.
    Decision {
        /// The decision.
        decision: Decision,
    },
    /// `acceptance`: the acceptance criteria were evaluated.
    Acceptance {
        /// Id of the goal.
        goal_id: GoalId,
        /// The verdict.
        verdict: AcceptanceVerdict,
    },
    /// `budget_exhausted`: the goal reached a limit of its budget.
    BudgetExhausted {
        /// Id of the goal.
        goal_id: GoalId,
        /// The limit that was reached.
        axis: BudgetAxis,
        /// Budget that the goal has used.
        usage: BudgetUsage,
    },
    /// `escalate`: the goal is handed to an operator.
    Escalate {
        /// Id of the goal.
        goal_id: GoalId,
        /// Reason for the escalation.
        reason: String,
    },
    /// `replay_decision`: the driver decided how to continue after an error within a turn.
    ReplayDecision {
        /// Id of the goal.
        goal_id: GoalId,
        /// Index of the attempt, from 0.
        turn_index: u32,
        /// The decision.
        decision: ReplayDecision,
        /// Text of the error.
        error_message: String,
    },
    /// `compact_requested`: the driver requested a compaction of the agent's context.
    CompactRequested {
        /// Id of the goal.
        goal_id: GoalId,
        /// Index of the attempt, from 0.
        turn_index: u32,
        /// Topic that the summary must keep.
        focus: String,
        /// Fraction of the context window in use; 1.0 is full. NaN and infinity cannot be encoded.
        #[serde(serialize_with = "float::serialize")]
        token_pressure: f64,
        /// Tokens in the context before the compaction.
        before_tokens: u64,
        /// Age of the context in minutes.
        age_minutes: u64,
        /// Condition that triggered the request.
        trigger: CompactTrigger,
    },
    /// `compact_completed`: the context was compacted. Follows the request.
    CompactCompleted {
        /// Id of the goal.
        goal_id: GoalId,
        /// Index of the attempt, from 0.
        turn_index: u32,
        /// Tokens in the context after the compaction.
        after_tokens: u64,
    },
    /// `compact_summary_stored`: the summary of a compaction was stored.
    CompactSummaryStored {
        /// Id of the goal.
        goal_id: GoalId,
        /// Index of the attempt, from 0.
        turn_index: u32,
        /// Tokens in the context before the compaction.
        before_tokens: u64,
        /// Tokens in the context after the compaction.
        after_tokens: u64,
    },
    /// `extract_memories_completed`: a background pass extracted memories.
    ExtractMemoriesCompleted {
        /// Id of the goal.
        goal_id: GoalId,
        /// Index of the attempt, from 0.
        turn_index: u32,
        /// Number of memories saved.
        memories_saved: u32,
        /// Duration of the pass in milliseconds.
        duration_ms: u64,
    },
    /// `extract_memories_skipped`: the memory extraction was skipped.
    ExtractMemoriesSkipped {
        /// Id of the goal.
        goal_id: GoalId,
        /// Reason for the skip.
        reason: ExtractSkipReason,
    },
    /// `auto_dream_outcome`: an auto dream, the background pass that consolidates memories, ended or was skipped.
    AutoDreamOutcome {
        /// Id of the goal.
        goal_id: GoalId,
        /// Outcome of the pass.
        outcome_kind: AutoDreamOutcomeKind,
    },
    /// `progress`: a heartbeat every few turns.
    Progress {
        /// Id of the goal.
        goal_id: GoalId,
        /// Index of the attempt, from 0.
        turn_index: u32,
        /// Budget that the goal has used so far.
        usage: BudgetUsage,
        /// Last text of the agent. `null` in the JSON if `None`.
        last_text: Option<String>,
    },
}

impl DriverEvent {
    /// Returns the event's kind.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        match self {
            Self::GoalStarted { .. } => EventKind::GoalStarted,
            Self::GoalCompleted { .. } => EventKind::GoalCompleted,
            Self::AttemptStarted { .. } => EventKind::AttemptStarted,
            Self::AttemptCompleted { .. } => EventKind::AttemptCompleted,
            Self::Decision { .. } => EventKind::Decision,
            Self::Acceptance { .. } => EventKind::Acceptance,
            Self::BudgetExhausted { .. } => EventKind::BudgetExhausted,
            Self::Escalate { .. } => EventKind::Escalate,
            Self::ReplayDecision { .. } => EventKind::ReplayDecision,
            Self::CompactRequested { .. } => EventKind::CompactRequested,
            Self::CompactCompleted { .. } => EventKind::CompactCompleted,
            Self::CompactSummaryStored { .. } => EventKind::CompactSummaryStored,
            Self::ExtractMemoriesCompleted { .. } => EventKind::ExtractMemoriesCompleted,
            Self::ExtractMemoriesSkipped { .. } => EventKind::ExtractMemoriesSkipped,
            Self::AutoDreamOutcome { .. } => EventKind::AutoDreamOutcome,
            Self::Progress { .. } => EventKind::Progress,
        }
    }

    /// Returns the id of the event's goal.
    #[must_use]
    pub fn goal_id(&self) -> GoalId {
        match self {
            Self::GoalStarted { goal } => goal.id,
            Self::GoalCompleted { outcome } => outcome.goal_id,
            Self::AttemptCompleted { result } => result.goal_id,
            Self::Decision { decision } => decision.goal_id,
            Self::AttemptStarted { goal_id, .. }
            | Self::Acceptance { goal_id, .. }
            | Self::BudgetExhausted { goal_id, .. }
            | Self::Escalate { goal_id, .. }
            | Self::ReplayDecision { goal_id, .. }
            | Self::CompactRequested { goal_id, .. }
            | Self::CompactCompleted { goal_id, .. }
            | Self::CompactSummaryStored { goal_id, .. }
            | Self::ExtractMemoriesCompleted { goal_id, .. }
            | Self::ExtractMemoriesSkipped { goal_id, .. }
            | Self::AutoDreamOutcome { goal_id, .. }
            | Self::Progress { goal_id, .. } => *goal_id,
        }
    }

    /// Returns the index of the event's attempt, from 0, or `None` for kinds that do not belong to an attempt.
    #[must_use]
    pub fn turn_index(&self) -> Option<u32> {
        match self {
            Self::AttemptCompleted { result } => Some(result.turn_index),
            Self::Decision { decision } => Some(decision.turn_index),
            Self::AttemptStarted { turn_index, .. }
            | Self::ReplayDecision { turn_index, .. }
            | Self::CompactRequested { turn_index, .. }
            | Self::CompactCompleted { turn_index, .. }
            | Self::CompactSummaryStored { turn_index, .. }
            | Self::ExtractMemoriesCompleted { turn_index, .. }
            | Self::Progress { turn_index, .. } => Some(*turn_index),
            Self::GoalStarted { .. }
            | Self::GoalCompleted { .. }
            | Self::Acceptance { .. }
            | Self::BudgetExhausted { .. }
            | Self::Escalate { .. }
            | Self::ExtractMemoriesSkipped { .. }
            | Self::AutoDreamOutcome { .. } => None,
        }
    }

    /// Returns the NATS subject of the event: [`EventKind::subject`] of its kind.
    #[must_use]
    pub fn nats_subject(&self) -> &'static str {
        self.kind().subject()
    }
}

/// The fields of each kind, deserialized after the kind is known.
#[derive(Deserialize)]
#[serde(remote = "DriverEvent", rename_all = "snake_case")]
enum DriverEventFields {
    GoalStarted {
        #[serde(deserialize_with = "strict::object")]
        goal: Goal,
    },
    GoalCompleted {
        #[serde(deserialize_with = "strict::object")]
        outcome: GoalOutcome,
    },
    AttemptStarted {
        goal_id: GoalId,
        turn_index: u32,
        #[serde(deserialize_with = "strict::object")]
        usage: BudgetUsage,
    },
    AttemptCompleted {
        #[serde(deserialize_with = "strict::object")]
        result: AttemptResult,
    },
    Decision {
        #[serde(deserialize_with = "strict::object")]
        decision: Decision,
    },
    Acceptance {
        goal_id: GoalId,
        #[serde(deserialize_with = "strict::object")]
        verdict: AcceptanceVerdict,
    },
    BudgetExhausted {
        goal_id: GoalId,
        #[serde(deserialize_with = "strict::unit_enum")]
        axis: BudgetAxis,
        #[serde(deserialize_with = "strict::object")]
        usage: BudgetUsage,
    },
    Escalate {
        goal_id: GoalId,
        reason: String,
    },
    ReplayDecision {
        goal_id: GoalId,
        turn_index: u32,
        decision: ReplayDecision,
        error_message: String,
    },
    CompactRequested {
        goal_id: GoalId,
        turn_index: u32,
        focus: String,
        #[serde(deserialize_with = "float::deserialize")]
        token_pressure: f64,
        before_tokens: u64,
        age_minutes: u64,
        trigger: CompactTrigger,
    },
    CompactCompleted {
        goal_id: GoalId,
        turn_index: u32,
        after_tokens: u64,
    },
    CompactSummaryStored {
        goal_id: GoalId,
        turn_index: u32,
        before_tokens: u64,
        after_tokens: u64,
    },
    ExtractMemoriesCompleted {
        goal_id: GoalId,
        turn_index: u32,
        memories_saved: u32,
        duration_ms: u64,
    },
    ExtractMemoriesSkipped {
        goal_id: GoalId,
        #[serde(deserialize_with = "strict::unit_enum")]
        reason: ExtractSkipReason,
    },
    AutoDreamOutcome {
        goal_id: GoalId,
        #[serde(deserialize_with = "strict::unit_enum")]
        outcome_kind: AutoDreamOutcomeKind,
    },
    Progress {
        goal_id: GoalId,
        turn_index: u32,
        #[serde(deserialize_with = "strict::object")]
        usage: BudgetUsage,
        #[serde(default)]
        last_text: Option<String>,
    },
}

impl<'de> tagged::Fields<'de> for DriverEventFields {
    type Enum = DriverEvent;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<DriverEvent, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for DriverEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize::<DriverEventFields, D>(deserializer)
    }
}

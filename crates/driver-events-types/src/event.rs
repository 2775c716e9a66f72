use serde::{Deserialize, Deserializer, Serialize};

use crate::codec::{float, strict, tagged};
use crate::{
    AcceptanceVerdict, AttemptResult, AutoDreamOutcomeKind, BudgetAxis, BudgetUsage, CompactTrigger, Decision,
    EventKind, ExtractSkipReason, Goal, GoalId, GoalOutcome, ReplayDecision,
};

/// One thing that happened in a driver loop.
///
/// The JSON is one object whose first key is `"kind"`; the other keys are the variant's fields, in the order in which
/// they stand here. [`to_json`](Self::to_json) and [`from_json`](Self::from_json) are the codec; serde's traits give
/// the same bytes, without the limits.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DriverEvent {
    /// `goal_started`: the driver took on a goal.
    GoalStarted {
        /// The goal.
        goal: Goal,
    },
    /// `goal_completed`: a goal ended, well or not.
    GoalCompleted {
        /// How it ended.
        outcome: GoalOutcome,
    },
    /// `attempt_started`: an attempt begins.
    AttemptStarted {
        /// The goal.
        goal_id: GoalId,
        /// The attempt's number, from 0.
        turn_index: u32,
        /// What the goal has used of its budget so far.
        usage: BudgetUsage,
    },
    /// `attempt_completed`: an attempt ended.
    AttemptCompleted {
        /// What it came to.
        result: AttemptResult,
    },
    /// `decision`: the driver answered a tool call that the agent proposed.
    Decision {
        /// The answer.
        decision: Decision,
    },
    /// `acceptance`: the criteria were evaluated.
    Acceptance {
        /// The goal.
        goal_id: GoalId,
        /// The verdict.
        verdict: AcceptanceVerdict,
    },
    /// `budget_exhausted`: a limit of the budget is reached.
    BudgetExhausted {
        /// The goal.
        goal_id: GoalId,
        /// The limit.
        axis: BudgetAxis,
        /// What the goal has used of its budget.
        usage: BudgetUsage,
    },
    /// `escalate`: the goal is handed to a person.
    Escalate {
        /// The goal.
        goal_id: GoalId,
        /// Why.
        reason: String,
    },
    /// `replay_decision`: the driver answered an error in the middle of a turn.
    ReplayDecision {
        /// The goal.
        goal_id: GoalId,
        /// The attempt's number, from 0.
        turn_index: u32,
        /// The answer.
        decision: ReplayDecision,
        /// The error.
        error_message: String,
    },
    /// `compact_requested`: the agent is asked to compact its context.
    CompactRequested {
        /// The goal.
        goal_id: GoalId,
        /// The attempt's number, from 0.
        turn_index: u32,
        /// What the summary should keep.
        focus: String,
        /// The used part of the context window; 1.0 is full. NaN and infinities cannot be encoded.
        #[serde(serialize_with = "float::serialize")]
        token_pressure: f64,
        /// Tokens in the context before.
        before_tokens: u64,
        /// The age of the context, in minutes.
        age_minutes: u64,
        /// Why now.
        trigger: CompactTrigger,
    },
    /// `compact_completed`: the context was compacted, on the turn after it was asked for.
    CompactCompleted {
        /// The goal.
        goal_id: GoalId,
        /// The attempt's number, from 0.
        turn_index: u32,
        /// Tokens in the context after.
        after_tokens: u64,
    },
    /// `compact_summary_stored`: the summary of a compaction was stored.
    CompactSummaryStored {
        /// The goal.
        goal_id: GoalId,
        /// The attempt's number, from 0.
        turn_index: u32,
        /// Tokens in the context before.
        before_tokens: u64,
        /// Tokens in the context after.
        after_tokens: u64,
    },
    /// `extract_memories_completed`: a background pass saved what was learnt.
    ExtractMemoriesCompleted {
        /// The goal.
        goal_id: GoalId,
        /// The attempt's number, from 0.
        turn_index: u32,
        /// How many memories were saved.
        memories_saved: u32,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// `extract_memories_skipped`: that pass did not run.
    ExtractMemoriesSkipped {
        /// The goal.
        goal_id: GoalId,
        /// Why.
        reason: ExtractSkipReason,
    },
    /// `auto_dream_outcome`: the background pass that tidies what was learnt ran, or did not.
    AutoDreamOutcome {
        /// The goal.
        goal_id: GoalId,
        /// What came of it.
        outcome_kind: AutoDreamOutcomeKind,
    },
    /// `progress`: a beacon every few turns.
    Progress {
        /// The goal.
        goal_id: GoalId,
        /// The attempt's number, from 0.
        turn_index: u32,
        /// What the goal has used of its budget so far.
        usage: BudgetUsage,
        /// The agent's last words. Written as `null` when absent.
        last_text: Option<String>,
    },
}

impl DriverEvent {
    /// The event's kind.
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

    /// The goal that the event is about.
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

    /// The number of the attempt that the event belongs to, from 0; none for the kinds that belong to no attempt.
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

    /// The subject on which the event is published: [`EventKind::subject`] of its kind.
    #[must_use]
    pub fn nats_subject(&self) -> &'static str {
        self.kind().subject()
    }
}

/// The fields of each kind, as the decoder reads them once it knows the kind.
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
        #[serde(deserialize_with = "strict::word")]
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
        #[serde(deserialize_with = "strict::word")]
        reason: ExtractSkipReason,
    },
    AutoDreamOutcome {
        goal_id: GoalId,
        #[serde(deserialize_with = "strict::word")]
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

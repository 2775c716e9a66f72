//! The contract as anybody would write it with serde's derive, chrono's and humantime's text forms: what the codec is
//! measured against.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum PlainEvent {
    GoalStarted {
        goal: Goal,
    },
    GoalCompleted {
        outcome: GoalOutcome,
    },
    AttemptStarted {
        goal_id: Uuid,
        turn_index: u32,
        usage: BudgetUsage,
    },
    AttemptCompleted {
        result: AttemptResult,
    },
    Decision {
        decision: Decision,
    },
    Acceptance {
        goal_id: Uuid,
        verdict: AcceptanceVerdict,
    },
    BudgetExhausted {
        goal_id: Uuid,
        axis: BudgetAxis,
        usage: BudgetUsage,
    },
    Escalate {
        goal_id: Uuid,
        reason: String,
    },
    ReplayDecision {
        goal_id: Uuid,
        turn_index: u32,
        decision: ReplayDecision,
        error_message: String,
    },
    CompactRequested {
        goal_id: Uuid,
        turn_index: u32,
        focus: String,
        token_pressure: f64,
        before_tokens: u64,
        age_minutes: u64,
        trigger: CompactTrigger,
    },
    CompactCompleted {
        goal_id: Uuid,
        turn_index: u32,
        after_tokens: u64,
    },
    CompactSummaryStored {
        goal_id: Uuid,
        turn_index: u32,
        before_tokens: u64,
        after_tokens: u64,
    },
    ExtractMemoriesCompleted {
        goal_id: Uuid,
        turn_index: u32,
        memories_saved: u32,
        duration_ms: u64,
    },
    ExtractMemoriesSkipped {
        goal_id: Uuid,
        reason: ExtractSkipReason,
    },
    AutoDreamOutcome {
        goal_id: Uuid,
        outcome_kind: AutoDreamOutcomeKind,
    },
    Progress {
        goal_id: Uuid,
        turn_index: u32,
        usage: BudgetUsage,
        last_text: Option<String>,
    },
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Goal {
    id: Uuid,
    description: String,
    acceptance: Vec<AcceptanceCriterion>,
    budget: BudgetGuards,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum AcceptanceCriterion {
    ShellCommand {
        command: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected_exit: Option<i32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stdout_must_match: Option<String>,
        timeout_secs: u64,
    },
    FileMatches {
        path: String,
        regex: String,
        required: bool,
    },
    Custom {
        name: String,
        args: Value,
    },
    LlmJudge {
        criterion_text: String,
    },
}

#[derive(Serialize, Deserialize)]
pub(crate) struct BudgetGuards {
    max_turns: u32,
    #[serde(with = "humantime_text")]
    max_wall_time: Duration,
    max_tokens: u64,
    max_consecutive_denies: u32,
    max_consecutive_errors: u32,
    max_consecutive_413: u32,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct BudgetUsage {
    turns: u32,
    #[serde(with = "humantime_text")]
    wall_time: Duration,
    tokens: u64,
    consecutive_denies: u32,
    consecutive_errors: u32,
    consecutive_413: u32,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AttemptResult {
    goal_id: Uuid,
    turn_index: u32,
    outcome: AttemptOutcome,
    decisions_recorded: Vec<Decision>,
    usage_after: BudgetUsage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acceptance: Option<AcceptanceVerdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    final_text: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    harness_extras: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct GoalOutcome {
    goal_id: Uuid,
    outcome: AttemptOutcome,
    total_turns: u32,
    usage: BudgetUsage,
    final_text: Option<String>,
    acceptance: Option<AcceptanceVerdict>,
    #[serde(with = "humantime_text")]
    elapsed: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum AttemptOutcome {
    Done,
    NeedsRetry { failures: Vec<AcceptanceFailure> },
    Continue { reason: String },
    Sleep { duration_ms: u64, reason: String },
    BudgetExhausted { axis: BudgetAxis },
    Cancelled,
    Escalate { reason: String },
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Decision {
    id: Uuid,
    goal_id: Uuid,
    turn_index: u32,
    tool: String,
    input: Value,
    choice: DecisionChoice,
    rationale: String,
    decided_at: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum DecisionChoice {
    Allow,
    Deny { message: String },
    Observe { note: String },
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AcceptanceVerdict {
    met: bool,
    failures: Vec<AcceptanceFailure>,
    evaluated_at: DateTime<Utc>,
    elapsed_ms: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AcceptanceFailure {
    criterion_index: usize,
    criterion_label: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum ReplayDecision {
    FreshSessionRetry {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rollback_to: Option<String>,
    },
    NextTurn {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rollback_to: Option<String>,
    },
    CompactAndRetry,
    Escalate {
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum CompactTrigger {
    TokenPressure {
        pct: f64,
        tokens_used: u64,
        context_window: u64,
    },
    Age {
        age_minutes: u64,
        max_age_minutes: u64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BudgetAxis {
    Turns,
    WallTime,
    Tokens,
    ConsecutiveDenies,
    ConsecutiveErrors,
    Consecutive413,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExtractSkipReason {
    Disabled,
    Throttled,
    InProgress,
    CircuitBreakerOpen,
    MainAgentWrote,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AutoDreamOutcomeKind {
    Completed,
    SkippedDisabled,
    SkippedKairosActive,
    SkippedRemoteMode,
    SkippedAutoMemoryDisabled,
    SkippedTimeGate,
    SkippedScanThrottle,
    SkippedSessionGate,
    LockBlocked,
    Errored,
    TimedOut,
    EscapeAudit,
}

mod humantime_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&humantime::format_duration(*duration).to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(serde::de::Error::custom)
    }
}

use serde::{Deserialize, Serialize};

/// Reason why a memory extraction was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExtractSkipReason {
    /// `disabled`: extraction is disabled.
    Disabled,
    /// `throttled`: the last extraction is too recent.
    Throttled,
    /// `in_progress`: another extraction is running.
    InProgress,
    /// `circuit_breaker_open`: too many recent extractions failed.
    CircuitBreakerOpen,
    /// `main_agent_wrote`: the agent itself has just written memories.
    MainAgentWrote,
}

impl ExtractSkipReason {
    /// Returns the value's text in the JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Throttled => "throttled",
            Self::InProgress => "in_progress",
            Self::CircuitBreakerOpen => "circuit_breaker_open",
            Self::MainAgentWrote => "main_agent_wrote",
        }
    }
}

/// Outcome of an auto dream, the background pass that consolidates memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AutoDreamOutcomeKind {
    /// `completed`: the pass completed.
    Completed,
    /// `skipped_disabled`: the pass is disabled.
    SkippedDisabled,
    /// `skipped_kairos_active`: Kairos mode is active.
    SkippedKairosActive,
    /// `skipped_remote_mode`: the driver runs in remote mode.
    SkippedRemoteMode,
    /// `skipped_auto_memory_disabled`: automatic memory is disabled.
    SkippedAutoMemoryDisabled,
    /// `skipped_time_gate`: the last pass is too recent.
    SkippedTimeGate,
    /// `skipped_scan_throttle`: the last scan for new sessions is too recent.
    SkippedScanThrottle,
    /// `skipped_session_gate`: too few sessions since the last pass.
    SkippedSessionGate,
    /// `lock_blocked`: another process holds the lock.
    LockBlocked,
    /// `errored`: the pass failed.
    Errored,
    /// `timed_out`: the pass timed out.
    TimedOut,
    /// `escape_audit`: the pass was stopped because it accessed something outside its bounds.
    EscapeAudit,
}

impl AutoDreamOutcomeKind {
    /// Returns the value's text in the JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::SkippedDisabled => "skipped_disabled",
            Self::SkippedKairosActive => "skipped_kairos_active",
            Self::SkippedRemoteMode => "skipped_remote_mode",
            Self::SkippedAutoMemoryDisabled => "skipped_auto_memory_disabled",
            Self::SkippedTimeGate => "skipped_time_gate",
            Self::SkippedScanThrottle => "skipped_scan_throttle",
            Self::SkippedSessionGate => "skipped_session_gate",
            Self::LockBlocked => "lock_blocked",
            Self::Errored => "errored",
            Self::TimedOut => "timed_out",
            Self::EscapeAudit => "escape_audit",
        }
    }
}

use serde::{Deserialize, Serialize};

/// Why a memory extraction was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExtractSkipReason {
    /// `disabled`: extraction is switched off.
    Disabled,
    /// `throttled`: the last one is too recent.
    Throttled,
    /// `in_progress`: another one is still running.
    InProgress,
    /// `circuit_breaker_open`: too many of the last ones failed.
    CircuitBreakerOpen,
    /// `main_agent_wrote`: the agent itself has just written to its memory.
    MainAgentWrote,
}

impl ExtractSkipReason {
    /// The value's text in the JSON.
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

/// What came of an auto dream, the background pass that tidies what was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AutoDreamOutcomeKind {
    /// `completed`: the pass ran to its end.
    Completed,
    /// `skipped_disabled`: the pass is switched off.
    SkippedDisabled,
    /// `skipped_kairos_active`: the Kairos mode is active.
    SkippedKairosActive,
    /// `skipped_remote_mode`: the driver runs in remote mode.
    SkippedRemoteMode,
    /// `skipped_auto_memory_disabled`: automatic memory is switched off.
    SkippedAutoMemoryDisabled,
    /// `skipped_time_gate`: the last pass is too recent.
    SkippedTimeGate,
    /// `skipped_scan_throttle`: the last look for new sessions is too recent.
    SkippedScanThrottle,
    /// `skipped_session_gate`: too few sessions have passed since the last one.
    SkippedSessionGate,
    /// `lock_blocked`: another process holds the lock.
    LockBlocked,
    /// `errored`: the pass failed.
    Errored,
    /// `timed_out`: the pass ran out of time.
    TimedOut,
    /// `escape_audit`: the pass was stopped for reaching outside of its bounds.
    EscapeAudit,
}

impl AutoDreamOutcomeKind {
    /// The value's text in the JSON.
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

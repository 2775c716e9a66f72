use super::model::{OneOf, Value};

pub(super) static EXTRACT_SKIP_REASON: OneOf = OneOf {
    name: "ExtractSkipReason",
    description: "Reason why a memory extraction was skipped.",
    values: &[
        Value::new("disabled", "Extraction is disabled."),
        Value::new("throttled", "The last extraction is too recent."),
        Value::new("in_progress", "Another extraction is running."),
        Value::new("circuit_breaker_open", "Too many recent extractions failed."),
        Value::new("main_agent_wrote", "The agent itself has just written memories."),
    ],
};

pub(super) static AUTO_DREAM_OUTCOME_KIND: OneOf = OneOf {
    name: "AutoDreamOutcomeKind",
    description: "Outcome of an auto dream, the background pass that consolidates memories.",
    values: &[
        Value::new("completed", "The pass completed."),
        Value::new("skipped_disabled", "The pass is disabled."),
        Value::new("skipped_kairos_active", "Kairos mode is active."),
        Value::new("skipped_remote_mode", "The driver runs in remote mode."),
        Value::new("skipped_auto_memory_disabled", "Automatic memory is disabled."),
        Value::new("skipped_time_gate", "The last pass is too recent."),
        Value::new("skipped_scan_throttle", "The last scan for new sessions is too recent."),
        Value::new("skipped_session_gate", "Too few sessions since the last pass."),
        Value::new("lock_blocked", "Another process holds the lock."),
        Value::new("errored", "The pass failed."),
        Value::new("timed_out", "The pass timed out."),
        Value::new(
            "escape_audit",
            "The pass was stopped because it accessed something outside its bounds.",
        ),
    ],
};

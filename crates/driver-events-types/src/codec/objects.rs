//! The fields of each object in the order of the contract, for the encoder and for the decoder.
//!
//! The encoder writes this form. The decoder reads this form by position, and any other through serde.

use super::read::{Cursor, Read};
use super::write::{Omit, Write, Writer};
use crate::acceptance::{AcceptanceCriterion, AcceptanceFailure, AcceptanceVerdict};
use crate::attempt::{AttemptOutcome, AttemptResult};
use crate::budget::{BudgetAxis, BudgetGuards, BudgetUsage};
use crate::compact::CompactTrigger;
use crate::decision::{Decision, DecisionChoice};
use crate::event::DriverEvent;
use crate::goal::{Goal, GoalOutcome};
use crate::memory::{AutoDreamOutcomeKind, ExtractSkipReason};
use crate::replay::ReplayDecision;

/// Writes the field with the text before its value, unless it is omitted.
macro_rules! write_field {
    ($writer:ident, $before:expr, $field:ident) => {
        $writer.put($before.as_bytes())?;
        $field.write($writer)?;
    };
    ($writer:ident, $before:expr, $field:ident omitted) => {
        if !$field.is_omitted() {
            write_field!($writer, $before, $field);
        }
    };
}

/// Reads what [`write_field`] writes.
macro_rules! read_field {
    ($cursor:ident, $before:expr) => {{
        $cursor.expect($before)?;
        Read::read($cursor)?
    }};
    ($cursor:ident, $before:expr, omitted) => {
        if $cursor.accept($before) {
            Read::read($cursor)?
        } else {
            Default::default()
        }
    };
}

/// An object with these fields. `omitted`: the field is omitted if it is `None` or empty.
macro_rules! object {
    ($type:ident { $first:ident, $($field:ident $(: $omitted:ident)?),* $(,)? }) => {
        impl Write for $type {
            fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
                let Self { $first, $($field),* } = self;
                writer.open(concat!("{\"", stringify!($first), "\":").as_bytes())?;
                $first.write(writer)?;
                $(write_field!(writer, concat!(",\"", stringify!($field), "\":"), $field $($omitted)?);)*
                writer.close(b"}")
            }
        }

        impl Read for $type {
            fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
                cursor.open(concat!("{\"", stringify!($first), "\":"))?;
                let $first = Read::read(cursor)?;
                $(let $field = read_field!(cursor, concat!(",\"", stringify!($field), "\":") $(, $omitted)?);)*
                cursor.close("}")?;
                Some(Self { $first, $($field),* })
            }
        }
    };
}

/// An object with a kind and the fields of that kind.
macro_rules! tagged_object {
    ($type:ident { $($kind:literal $variant:ident { $($field:ident $(: $omitted:ident)?),* $(,)? },)* }) => {
        impl Write for $type {
            fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
                match self {
                    $(Self::$variant { $($field),* } => {
                        writer.open(concat!("{\"kind\":\"", $kind, "\"").as_bytes())?;
                        $(write_field!(writer, concat!(",\"", stringify!($field), "\":"), $field $($omitted)?);)*
                    })*
                }
                writer.close(b"}")
            }
        }

        impl Read for $type {
            fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
                cursor.open("{\"kind\":")?;
                let value = match cursor.plain_text()? {
                    $($kind => {
                        $(let $field = read_field!(cursor, concat!(",\"", stringify!($field), "\":") $(, $omitted)?);)*
                        Self::$variant { $($field),* }
                    })*
                    _ => return None,
                };
                cursor.close("}")?;
                Some(value)
            }
        }
    };
}

/// A string from a list.
macro_rules! one_of {
    ($type:ident { $($text:literal $variant:ident,)* }) => {
        impl Write for $type {
            fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
                writer.put(match self {
                    $(Self::$variant => concat!("\"", $text, "\"").as_bytes(),)*
                })
            }
        }

        impl Read for $type {
            fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
                match cursor.plain_text()? {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

tagged_object! {
    DriverEvent {
        "goal_started" GoalStarted { goal },
        "goal_completed" GoalCompleted { outcome },
        "attempt_started" AttemptStarted { goal_id, turn_index, usage },
        "attempt_completed" AttemptCompleted { result },
        "decision" Decision { decision },
        "acceptance" Acceptance { goal_id, verdict },
        "budget_exhausted" BudgetExhausted { goal_id, axis, usage },
        "escalate" Escalate { goal_id, reason },
        "replay_decision" ReplayDecision { goal_id, turn_index, decision, error_message },
        "compact_requested" CompactRequested {
            goal_id, turn_index, focus, token_pressure, before_tokens, age_minutes, trigger,
        },
        "compact_completed" CompactCompleted { goal_id, turn_index, after_tokens },
        "compact_summary_stored" CompactSummaryStored { goal_id, turn_index, before_tokens, after_tokens },
        "extract_memories_completed" ExtractMemoriesCompleted { goal_id, turn_index, memories_saved, duration_ms },
        "extract_memories_skipped" ExtractMemoriesSkipped { goal_id, reason },
        "auto_dream_outcome" AutoDreamOutcome { goal_id, outcome_kind },
        "progress" Progress { goal_id, turn_index, usage, last_text },
    }
}

object! {
    Goal { id, description, acceptance, budget, workspace: omitted, metadata: omitted }
}

object! {
    GoalOutcome { goal_id, outcome, total_turns, usage, final_text, acceptance, elapsed }
}

tagged_object! {
    AcceptanceCriterion {
        "shell_command" ShellCommand { command, expected_exit: omitted, stdout_must_match: omitted, timeout_secs },
        "file_matches" FileMatches { path, regex, required },
        "custom" Custom { name, args },
        "llm_judge" LlmJudge { criterion_text },
    }
}

object! {
    AcceptanceVerdict { met, failures, evaluated_at, elapsed_ms }
}

object! {
    AcceptanceFailure { criterion_index, criterion_label, message, evidence: omitted }
}

object! {
    BudgetGuards {
        max_turns, max_wall_time, max_tokens, max_consecutive_denies, max_consecutive_errors, max_consecutive_413,
    }
}

object! {
    BudgetUsage { turns, wall_time, tokens, consecutive_denies, consecutive_errors, consecutive_413 }
}

one_of! {
    BudgetAxis {
        "turns" Turns,
        "wall_time" WallTime,
        "tokens" Tokens,
        "consecutive_denies" ConsecutiveDenies,
        "consecutive_errors" ConsecutiveErrors,
        "consecutive413" Consecutive413,
    }
}

object! {
    AttemptResult {
        goal_id, turn_index, outcome, decisions_recorded, usage_after,
        acceptance: omitted, final_text: omitted, harness_extras: omitted,
    }
}

tagged_object! {
    AttemptOutcome {
        "done" Done {},
        "needs_retry" NeedsRetry { failures },
        "continue" Continue { reason },
        "sleep" Sleep { duration_ms, reason },
        "budget_exhausted" BudgetExhausted { axis },
        "cancelled" Cancelled {},
        "escalate" Escalate { reason },
    }
}

object! {
    Decision { id, goal_id, turn_index, tool, input, choice, rationale, decided_at }
}

tagged_object! {
    DecisionChoice {
        "allow" Allow {},
        "deny" Deny { message },
        "observe" Observe { note },
    }
}

tagged_object! {
    ReplayDecision {
        "fresh_session_retry" FreshSessionRetry { rollback_to: omitted },
        "next_turn" NextTurn { rollback_to: omitted },
        "compact_and_retry" CompactAndRetry {},
        "escalate" Escalate { reason },
    }
}

tagged_object! {
    CompactTrigger {
        "token_pressure" TokenPressure { pct, tokens_used, context_window },
        "age" Age { age_minutes, max_age_minutes },
    }
}

one_of! {
    ExtractSkipReason {
        "disabled" Disabled,
        "throttled" Throttled,
        "in_progress" InProgress,
        "circuit_breaker_open" CircuitBreakerOpen,
        "main_agent_wrote" MainAgentWrote,
    }
}

one_of! {
    AutoDreamOutcomeKind {
        "completed" Completed,
        "skipped_disabled" SkippedDisabled,
        "skipped_kairos_active" SkippedKairosActive,
        "skipped_remote_mode" SkippedRemoteMode,
        "skipped_auto_memory_disabled" SkippedAutoMemoryDisabled,
        "skipped_time_gate" SkippedTimeGate,
        "skipped_scan_throttle" SkippedScanThrottle,
        "skipped_session_gate" SkippedSessionGate,
        "lock_blocked" LockBlocked,
        "errored" Errored,
        "timed_out" TimedOut,
        "escape_audit" EscapeAudit,
    }
}

#[cfg(test)]
mod tests {
    use super::{DriverEvent, Write, Writer};
    use crate::Limits;
    use crate::codec::read::read;

    /// Without this test nothing but a benchmark would notice an event that takes the general path.
    #[test]
    fn recorded_events_are_read_and_written_by_position() {
        let runs = [
            include_str!("../../tests/fixtures/goal-run.ndjson"),
            include_str!("../../tests/fixtures/upstream-events.ndjson"),
        ];
        for line in runs.iter().flat_map(|run| run.lines()) {
            let event: DriverEvent = read(line, Limits::default()).unwrap();
            assert_eq!(event, serde_json::from_str(line).unwrap());
            let mut json = Vec::new();
            event.write(&mut Writer::new(&mut json, Limits::default())).unwrap();
            assert_eq!(json, line.as_bytes());
        }
    }
}

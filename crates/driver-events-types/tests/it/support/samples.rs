//! Sample events of every kind and nested variant, each with its literal JSON.
//!
//! Together they have every field of the contract with a value.

use std::time::Duration;

use driver_events_types::chrono::{DateTime, Utc};
use driver_events_types::serde_json::{Map, Value, json};
use driver_events_types::{
    AcceptanceCriterion, AcceptanceFailure, AcceptanceVerdict, AttemptOutcome, AttemptResult, AutoDreamOutcomeKind,
    BudgetAxis, BudgetGuards, BudgetUsage, CompactTrigger, Decision, DecisionChoice, DecisionId, DriverEvent,
    EventKind, ExtractSkipReason, Goal, GoalOutcome, ReplayDecision, Uuid,
};

use super::{GOAL, GOAL_JSON};

pub(crate) type Sample = (DriverEvent, String);

pub(crate) const USAGE_JSON: &str = concat!(
    r#"{"turns":3,"wall_time":"1m 36s 410ms","tokens":18446744073709551615,"#,
    r#""consecutive_denies":1,"consecutive_errors":2,"consecutive_413":4294967295}"#
);

pub(crate) fn usage() -> BudgetUsage {
    BudgetUsage {
        turns: 3,
        wall_time: Duration::from_millis(96_410),
        tokens: u64::MAX,
        consecutive_denies: 1,
        consecutive_errors: 2,
        consecutive_413: u32::MAX,
    }
}

pub(crate) const GUARDS_JSON: &str = concat!(
    r#"{"max_turns":8,"max_wall_time":"30m","max_tokens":400000,"#,
    r#""max_consecutive_denies":3,"max_consecutive_errors":4,"max_consecutive_413":1}"#
);

pub(crate) fn guards() -> BudgetGuards {
    BudgetGuards {
        max_turns: 8,
        max_wall_time: Duration::from_secs(1800),
        max_tokens: 400_000,
        max_consecutive_denies: 3,
        max_consecutive_errors: 4,
        max_consecutive_413: 1,
    }
}

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn all() -> Vec<Sample> {
    [
        goal_events(),
        attempt_events(),
        decision_events(),
        replay_events(),
        compact_events(),
        budget_events(),
        memory_events(),
        other_events(),
    ]
    .concat()
}

/// Returns the first sample of the kind, which has the most fields.
pub(crate) fn first(kind: EventKind) -> DriverEvent {
    let mut samples = all().into_iter().map(|(event, _)| event);
    samples.find(|event| event.kind() == kind).unwrap()
}

fn goal_events() -> Vec<Sample> {
    let criteria = vec![
        AcceptanceCriterion::ShellCommand {
            command: "cargo test".into(),
            expected_exit: Some(i32::MIN),
            stdout_must_match: Some("^ok$".into()),
            timeout_secs: 0,
        },
        AcceptanceCriterion::FileMatches {
            path: "README.md".into(),
            regex: "\\d+".into(),
            required: false,
        },
        AcceptanceCriterion::Custom {
            name: "lint".into(),
            args: json!({"b": [1, -2, 2.5], "a": null}),
        },
        AcceptanceCriterion::LlmJudge {
            criterion_text: "reads \"well\"".into(),
        },
    ];
    let criteria_json = [
        r#"{"kind":"shell_command","command":"cargo test","expected_exit":-2147483648,"stdout_must_match":"^ok$","timeout_secs":0}"#,
        r#"{"kind":"file_matches","path":"README.md","regex":"\\d+","required":false}"#,
        r#"{"kind":"custom","name":"lint","args":{"a":null,"b":[1,-2,2.5]}}"#,
        r#"{"kind":"llm_judge","criterion_text":"reads \"well\""}"#,
    ]
    .join(",");
    let mut metadata = Map::new();
    metadata.insert("z".into(), json!(true));
    metadata.insert("agent_id".into(), json!("coder"));
    let started = DriverEvent::GoalStarted {
        goal: Goal {
            id: GOAL,
            description: "make it green".into(),
            acceptance: criteria,
            budget: guards(),
            workspace: Some("/srv/ws".into()),
            metadata,
        },
    };
    let started_json = format!(
        r#"{{"kind":"goal_started","goal":{{"id":{GOAL_JSON},"description":"make it green","acceptance":[{criteria_json}],"budget":{GUARDS_JSON},"workspace":"/srv/ws","metadata":{{"agent_id":"coder","z":true}}}}}}"#
    );
    let bare = DriverEvent::GoalStarted {
        goal: Goal {
            id: GOAL,
            description: String::new(),
            acceptance: vec![AcceptanceCriterion::ShellCommand {
                command: String::new(),
                expected_exit: None,
                stdout_must_match: None,
                timeout_secs: 300,
            }],
            budget: guards(),
            workspace: None,
            metadata: Map::new(),
        },
    };
    let bare_json = format!(
        r#"{{"kind":"goal_started","goal":{{"id":{GOAL_JSON},"description":"","acceptance":[{{"kind":"shell_command","command":"","timeout_secs":300}}],"budget":{GUARDS_JSON}}}}}"#
    );
    let completed = DriverEvent::GoalCompleted {
        outcome: GoalOutcome {
            goal_id: GOAL,
            outcome: AttemptOutcome::Done,
            total_turns: 4,
            usage: usage(),
            final_text: Some("done".into()),
            acceptance: Some(verdict()),
            elapsed: Duration::new(3, 212_409_705),
        },
    };
    let completed_json = format!(
        r#"{{"kind":"goal_completed","outcome":{{"goal_id":{GOAL_JSON},"outcome":{{"kind":"done"}},"total_turns":4,"usage":{USAGE_JSON},"final_text":"done","acceptance":{VERDICT_JSON},"elapsed":"3s 212ms 409us 705ns"}}}}"#
    );
    let abandoned = DriverEvent::GoalCompleted {
        outcome: GoalOutcome {
            goal_id: GOAL,
            outcome: AttemptOutcome::Cancelled,
            total_turns: 0,
            usage: usage(),
            final_text: None,
            acceptance: None,
            elapsed: Duration::ZERO,
        },
    };
    let abandoned_json = format!(
        r#"{{"kind":"goal_completed","outcome":{{"goal_id":{GOAL_JSON},"outcome":{{"kind":"cancelled"}},"total_turns":0,"usage":{USAGE_JSON},"final_text":null,"acceptance":null,"elapsed":"0s"}}}}"#
    );
    vec![
        (started, started_json),
        (bare, bare_json),
        (completed, completed_json),
        (abandoned, abandoned_json),
    ]
}

const VERDICT_JSON: &str = r#"{"met":false,"failures":[{"criterion_index":1,"criterion_label":"readme","message":"no digits","evidence":"text"},{"criterion_index":2,"criterion_label":"lint","message":"2 warnings"}],"evaluated_at":"2026-01-02T03:04:05.678Z","elapsed_ms":1234}"#;

fn verdict() -> AcceptanceVerdict {
    AcceptanceVerdict {
        met: false,
        failures: vec![
            failure(1, "readme", "no digits", Some("text")),
            failure(2, "lint", "2 warnings", None),
        ],
        evaluated_at: time("2026-01-02T03:04:05.678Z"),
        elapsed_ms: 1234,
    }
}

fn failure(criterion_index: usize, label: &str, message: &str, evidence: Option<&str>) -> AcceptanceFailure {
    AcceptanceFailure {
        criterion_index,
        criterion_label: label.into(),
        message: message.into(),
        evidence: evidence.map(Into::into),
    }
}

fn attempt_events() -> Vec<Sample> {
    let started = DriverEvent::AttemptStarted {
        goal_id: GOAL,
        turn_index: 7,
        usage: usage(),
    };
    let started_json =
        format!(r#"{{"kind":"attempt_started","goal_id":{GOAL_JSON},"turn_index":7,"usage":{USAGE_JSON}}}"#);

    let full = DriverEvent::AttemptCompleted {
        result: AttemptResult {
            goal_id: GOAL,
            turn_index: 1,
            outcome: AttemptOutcome::Done,
            decisions_recorded: vec![
                decision(DecisionChoice::Allow, json!({})),
                decision(
                    DecisionChoice::Observe {
                        note: "would deny".into(),
                    },
                    Value::Null,
                ),
            ],
            usage_after: usage(),
            acceptance: Some(verdict()),
            final_text: Some("\u{2028}✨".into()),
            harness_extras: Map::from_iter([("model".to_owned(), json!({"y": 1, "x": 2.0}))]),
        },
    };
    let decisions_json = [
        decision_json(r#"{"kind":"allow"}"#, "{}"),
        decision_json(r#"{"kind":"observe","note":"would deny"}"#, "null"),
    ]
    .join(",");
    let full_json = format!(
        r#"{{"kind":"attempt_completed","result":{{"goal_id":{GOAL_JSON},"turn_index":1,"outcome":{{"kind":"done"}},"decisions_recorded":[{decisions_json}],"usage_after":{USAGE_JSON},"acceptance":{VERDICT_JSON},"final_text":"{LINE_SEPARATOR}✨","harness_extras":{{"model":{{"x":2.0,"y":1}}}}}}}}"#
    );
    let mut samples = vec![(started, started_json), (full, full_json)];
    let outcomes = [
        (AttemptOutcome::Done, r#"{"kind":"done"}"#),
        (
            AttemptOutcome::NeedsRetry {
                failures: vec![failure(u32::MAX as usize, "l", "m", Some("e"))],
            },
            r#"{"kind":"needs_retry","failures":[{"criterion_index":4294967295,"criterion_label":"l","message":"m","evidence":"e"}]}"#,
        ),
        (
            AttemptOutcome::NeedsRetry { failures: Vec::new() },
            r#"{"kind":"needs_retry","failures":[]}"#,
        ),
        (
            AttemptOutcome::Continue { reason: "more".into() },
            r#"{"kind":"continue","reason":"more"}"#,
        ),
        (
            AttemptOutcome::Sleep {
                duration_ms: u64::MAX,
                reason: "rate limit".into(),
            },
            r#"{"kind":"sleep","duration_ms":18446744073709551615,"reason":"rate limit"}"#,
        ),
        (
            AttemptOutcome::BudgetExhausted {
                axis: BudgetAxis::Consecutive413,
            },
            r#"{"kind":"budget_exhausted","axis":"consecutive413"}"#,
        ),
        (AttemptOutcome::Cancelled, r#"{"kind":"cancelled"}"#),
        (
            AttemptOutcome::Escalate { reason: "stuck".into() },
            r#"{"kind":"escalate","reason":"stuck"}"#,
        ),
    ];
    samples.extend(outcomes.map(|(outcome, json)| {
        let result = AttemptResult {
            goal_id: GOAL,
            turn_index: 0,
            outcome,
            decisions_recorded: Vec::new(),
            usage_after: usage(),
            acceptance: None,
            final_text: None,
            harness_extras: Map::new(),
        };
        let json = format!(
            r#"{{"kind":"attempt_completed","result":{{"goal_id":{GOAL_JSON},"turn_index":0,"outcome":{json},"decisions_recorded":[],"usage_after":{USAGE_JSON}}}}}"#
        );
        (DriverEvent::AttemptCompleted { result }, json)
    }));
    samples
}

const LINE_SEPARATOR: &str = "\u{2028}";

fn decision(choice: DecisionChoice, input: Value) -> Decision {
    Decision {
        id: DecisionId(Uuid::max()),
        goal_id: GOAL,
        turn_index: 2,
        tool: "bash".into(),
        input,
        choice,
        rationale: "because".into(),
        decided_at: time("2026-01-02T03:04:05Z"),
    }
}

fn decision_json(choice: &str, input: &str) -> String {
    format!(
        r#"{{"id":"ffffffff-ffff-ffff-ffff-ffffffffffff","goal_id":{GOAL_JSON},"turn_index":2,"tool":"bash","input":{input},"choice":{choice},"rationale":"because","decided_at":"2026-01-02T03:04:05Z"}}"#
    )
}

fn decision_events() -> Vec<Sample> {
    [
        (DecisionChoice::Allow, r#"{"kind":"allow"}"#),
        (
            DecisionChoice::Deny { message: "no\n".into() },
            r#"{"kind":"deny","message":"no\n"}"#,
        ),
        (
            DecisionChoice::Observe {
                note: "\u{1b}[31m".into(),
            },
            r#"{"kind":"observe","note":"\u001b[31m"}"#,
        ),
    ]
    .map(|(choice, choice_json)| {
        let input = json!({"command": "ls", "args": [[], {}, "", 0, -1, 1e300, false]});
        let input_json = r#"{"args":[[],{},"",0,-1,1e+300,false],"command":"ls"}"#;
        let event = DriverEvent::Decision {
            decision: decision(choice, input),
        };
        (
            event,
            format!(
                r#"{{"kind":"decision","decision":{}}}"#,
                decision_json(choice_json, input_json)
            ),
        )
    })
    .into()
}

fn replay_events() -> Vec<Sample> {
    let decisions = [
        (
            ReplayDecision::FreshSessionRetry {
                rollback_to: Some("abc".into()),
            },
            r#"{"kind":"fresh_session_retry","rollback_to":"abc"}"#,
        ),
        (
            ReplayDecision::FreshSessionRetry { rollback_to: None },
            r#"{"kind":"fresh_session_retry"}"#,
        ),
        (
            ReplayDecision::NextTurn {
                rollback_to: Some(String::new()),
            },
            r#"{"kind":"next_turn","rollback_to":""}"#,
        ),
        (
            ReplayDecision::NextTurn { rollback_to: None },
            r#"{"kind":"next_turn"}"#,
        ),
        (ReplayDecision::CompactAndRetry, r#"{"kind":"compact_and_retry"}"#),
        (
            ReplayDecision::Escalate { reason: "why".into() },
            r#"{"kind":"escalate","reason":"why"}"#,
        ),
    ];
    decisions
        .map(|(decision, json)| {
            let event = DriverEvent::ReplayDecision {
                goal_id: GOAL,
                turn_index: u32::MAX,
                decision,
                error_message: "413".into(),
            };
            let json = format!(
                r#"{{"kind":"replay_decision","goal_id":{GOAL_JSON},"turn_index":4294967295,"decision":{json},"error_message":"413"}}"#
            );
            (event, json)
        })
        .into()
}

fn compact_events() -> Vec<Sample> {
    let triggers = [
        (
            CompactTrigger::TokenPressure {
                pct: 0.1,
                tokens_used: 1,
                context_window: 200_000,
            },
            r#"{"kind":"token_pressure","pct":0.1,"tokens_used":1,"context_window":200000}"#,
        ),
        (
            CompactTrigger::Age {
                age_minutes: 61,
                max_age_minutes: 60,
            },
            r#"{"kind":"age","age_minutes":61,"max_age_minutes":60}"#,
        ),
    ];
    let mut samples: Vec<_> = triggers
        .map(|(trigger, json)| {
            let event = DriverEvent::CompactRequested {
                goal_id: GOAL,
                turn_index: 9,
                focus: "tests".into(),
                token_pressure: 0.800_000_000_000_000_2,
                before_tokens: 180_000,
                age_minutes: 12,
                trigger,
            };
            let json = format!(
                r#"{{"kind":"compact_requested","goal_id":{GOAL_JSON},"turn_index":9,"focus":"tests","token_pressure":0.8000000000000002,"before_tokens":180000,"age_minutes":12,"trigger":{json}}}"#
            )
;
            (event, json)
        })
        .into();
    samples.push((
        DriverEvent::CompactCompleted {
            goal_id: GOAL,
            turn_index: 10,
            after_tokens: 5,
        },
        format!(r#"{{"kind":"compact_completed","goal_id":{GOAL_JSON},"turn_index":10,"after_tokens":5}}"#),
    ));
    samples.push((
        DriverEvent::CompactSummaryStored { goal_id: GOAL, turn_index: 10, before_tokens: 6, after_tokens: 5 },
        format!(
            r#"{{"kind":"compact_summary_stored","goal_id":{GOAL_JSON},"turn_index":10,"before_tokens":6,"after_tokens":5}}"#
        ),
    ));
    samples
}

fn budget_events() -> Vec<Sample> {
    [
        (BudgetAxis::Turns, "turns"),
        (BudgetAxis::WallTime, "wall_time"),
        (BudgetAxis::Tokens, "tokens"),
        (BudgetAxis::ConsecutiveDenies, "consecutive_denies"),
        (BudgetAxis::ConsecutiveErrors, "consecutive_errors"),
        (BudgetAxis::Consecutive413, "consecutive413"),
    ]
    .map(|(axis, name)| {
        let event = DriverEvent::BudgetExhausted {
            goal_id: GOAL,
            axis,
            usage: usage(),
        };
        let json =
            format!(r#"{{"kind":"budget_exhausted","goal_id":{GOAL_JSON},"axis":"{name}","usage":{USAGE_JSON}}}"#);
        (event, json)
    })
    .into()
}

fn memory_events() -> Vec<Sample> {
    let mut samples = vec![(
        DriverEvent::ExtractMemoriesCompleted {
            goal_id: GOAL,
            turn_index: 0,
            memories_saved: 2,
            duration_ms: 99,
        },
        format!(
            r#"{{"kind":"extract_memories_completed","goal_id":{GOAL_JSON},"turn_index":0,"memories_saved":2,"duration_ms":99}}"#
        ),
    )];
    let reasons = [
        (ExtractSkipReason::Disabled, "disabled"),
        (ExtractSkipReason::Throttled, "throttled"),
        (ExtractSkipReason::InProgress, "in_progress"),
        (ExtractSkipReason::CircuitBreakerOpen, "circuit_breaker_open"),
        (ExtractSkipReason::MainAgentWrote, "main_agent_wrote"),
    ];
    samples.extend(reasons.map(|(reason, name)| {
        let event = DriverEvent::ExtractMemoriesSkipped { goal_id: GOAL, reason };
        (
            event,
            format!(r#"{{"kind":"extract_memories_skipped","goal_id":{GOAL_JSON},"reason":"{name}"}}"#),
        )
    }));
    let outcomes = [
        (AutoDreamOutcomeKind::Completed, "completed"),
        (AutoDreamOutcomeKind::SkippedDisabled, "skipped_disabled"),
        (AutoDreamOutcomeKind::SkippedKairosActive, "skipped_kairos_active"),
        (AutoDreamOutcomeKind::SkippedRemoteMode, "skipped_remote_mode"),
        (
            AutoDreamOutcomeKind::SkippedAutoMemoryDisabled,
            "skipped_auto_memory_disabled",
        ),
        (AutoDreamOutcomeKind::SkippedTimeGate, "skipped_time_gate"),
        (AutoDreamOutcomeKind::SkippedScanThrottle, "skipped_scan_throttle"),
        (AutoDreamOutcomeKind::SkippedSessionGate, "skipped_session_gate"),
        (AutoDreamOutcomeKind::LockBlocked, "lock_blocked"),
        (AutoDreamOutcomeKind::Errored, "errored"),
        (AutoDreamOutcomeKind::TimedOut, "timed_out"),
        (AutoDreamOutcomeKind::EscapeAudit, "escape_audit"),
    ];
    samples.extend(outcomes.map(|(outcome_kind, name)| {
        let event = DriverEvent::AutoDreamOutcome {
            goal_id: GOAL,
            outcome_kind,
        };
        (
            event,
            format!(r#"{{"kind":"auto_dream_outcome","goal_id":{GOAL_JSON},"outcome_kind":"{name}"}}"#),
        )
    }));
    samples
}

fn other_events() -> Vec<Sample> {
    let acceptance = DriverEvent::Acceptance {
        goal_id: GOAL,
        verdict: verdict(),
    };
    let met = AcceptanceVerdict {
        met: true,
        failures: Vec::new(),
        evaluated_at: time("0000-01-01T00:00:00.000000001Z"),
        elapsed_ms: 0,
    };
    let met_json = r#"{"met":true,"failures":[],"evaluated_at":"0000-01-01T00:00:00.000000001Z","elapsed_ms":0}"#;
    let progress = |last_text: Option<&str>| DriverEvent::Progress {
        goal_id: GOAL,
        turn_index: 5,
        usage: usage(),
        last_text: last_text.map(Into::into),
    };
    let progress_json = |last_text: &str| {
        format!(
            r#"{{"kind":"progress","goal_id":{GOAL_JSON},"turn_index":5,"usage":{USAGE_JSON},"last_text":{last_text}}}"#
        )
    };
    vec![
        (
            acceptance,
            format!(r#"{{"kind":"acceptance","goal_id":{GOAL_JSON},"verdict":{VERDICT_JSON}}}"#),
        ),
        (
            DriverEvent::Acceptance {
                goal_id: GOAL,
                verdict: met,
            },
            format!(r#"{{"kind":"acceptance","goal_id":{GOAL_JSON},"verdict":{met_json}}}"#),
        ),
        (
            DriverEvent::Escalate {
                goal_id: GOAL,
                reason: "a\tb\\c/d\"e\u{0}\u{7f}é".into(),
            },
            format!(r#"{{"kind":"escalate","goal_id":{GOAL_JSON},"reason":"a\tb\\c/d\"e\u0000{DELETE}é"}}"#),
        ),
        (progress(None), progress_json("null")),
        (progress(Some("")), progress_json(r#""""#)),
        (progress(Some("half way")), progress_json(r#""half way""#)),
    ]
}

const DELETE: &str = "\u{7f}";

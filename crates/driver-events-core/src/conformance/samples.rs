//! Events for tests: every kind, hostile texts, and events that no sink can send.

use std::time::Duration;

use chrono::{DateTime, Utc};
use driver_events_types::{
    AcceptanceCriterion, AcceptanceFailure, AcceptanceVerdict, AttemptOutcome, AttemptResult, AutoDreamOutcomeKind,
    BudgetAxis, BudgetGuards, BudgetUsage, CompactTrigger, Decision, DecisionChoice, DecisionId, DriverEvent,
    ExtractSkipReason, Goal, GoalId, GoalOutcome, Limits, ReplayDecision, Uuid,
};
use serde_json::{Map, Value, json};

use crate::envelope::Envelope;

mod later_version;

pub use later_version::{future, with_every_attribute};

/// Returns the goal id with this number. Equal numbers give equal ids.
#[must_use]
pub fn goal(number: u32) -> GoalId {
    GoalId(Uuid::from_u128(
        0x6f2c_1f0e_8f5b_4f53_9d7c_0000_0000_0000 + u128::from(number),
    ))
}

/// Returns a small event of the goal, different for each number.
#[must_use]
pub fn numbered(goal_id: GoalId, number: u32) -> DriverEvent {
    DriverEvent::CompactCompleted {
        goal_id,
        turn_index: number,
        after_tokens: u64::from(number) * 1000,
    }
}

/// Returns an event of each kind for the goal, in the order of [`EventKind::ALL`](driver_events_types::EventKind::ALL).
#[must_use]
pub fn every_kind(goal_id: GoalId) -> Vec<DriverEvent> {
    let turn_index = 3;
    vec![
        DriverEvent::GoalStarted {
            goal: sample_goal(goal_id),
        },
        DriverEvent::GoalCompleted {
            outcome: GoalOutcome {
                goal_id,
                outcome: AttemptOutcome::Done,
                total_turns: 4,
                usage: usage(),
                final_text: Some("done".into()),
                acceptance: Some(verdict()),
                elapsed: Duration::from_nanos(96_410_000_001),
            },
        },
        DriverEvent::AttemptStarted {
            goal_id,
            turn_index,
            usage: usage(),
        },
        DriverEvent::AttemptCompleted {
            result: attempt_result(goal_id),
        },
        DriverEvent::Decision {
            decision: decision(goal_id, json!({"path": "src/lib.rs", "lines": [1, 2.5, null]})),
        },
        DriverEvent::Acceptance {
            goal_id,
            verdict: verdict(),
        },
        DriverEvent::BudgetExhausted {
            goal_id,
            axis: BudgetAxis::Consecutive413,
            usage: usage(),
        },
        DriverEvent::Escalate {
            goal_id,
            reason: "needs a person".into(),
        },
        DriverEvent::ReplayDecision {
            goal_id,
            turn_index,
            decision: ReplayDecision::FreshSessionRetry {
                rollback_to: Some("5f1d".into()),
            },
            error_message: "stream ended".into(),
        },
        DriverEvent::CompactRequested {
            goal_id,
            turn_index,
            focus: "the failing test".into(),
            token_pressure: 0.1 + 0.2,
            before_tokens: u64::MAX,
            age_minutes: 90,
            trigger: CompactTrigger::TokenPressure {
                pct: 0.87,
                tokens_used: 174_000,
                context_window: 200_000,
            },
        },
        DriverEvent::CompactCompleted {
            goal_id,
            turn_index,
            after_tokens: 41_000,
        },
        DriverEvent::CompactSummaryStored {
            goal_id,
            turn_index,
            before_tokens: 174_000,
            after_tokens: 41_000,
        },
        DriverEvent::ExtractMemoriesCompleted {
            goal_id,
            turn_index,
            memories_saved: 2,
            duration_ms: 1_200,
        },
        DriverEvent::ExtractMemoriesSkipped {
            goal_id,
            reason: ExtractSkipReason::CircuitBreakerOpen,
        },
        DriverEvent::AutoDreamOutcome {
            goal_id,
            outcome_kind: AutoDreamOutcomeKind::SkippedKairosActive,
        },
        DriverEvent::Progress {
            goal_id,
            turn_index,
            usage: usage(),
            last_text: None,
        },
    ]
}

/// Returns events of the goal with texts and numbers that break careless code: control characters, line separators, JSON
/// inside JSON, terminal escapes, wildcards, the largest integers.
#[must_use]
pub fn hostile(goal_id: GoalId) -> Vec<DriverEvent> {
    let mut events: Vec<DriverEvent> = hostile_texts()
        .into_iter()
        .map(|reason| DriverEvent::Escalate { goal_id, reason })
        .collect();
    let input: Map<String, Value> = hostile_texts()
        .into_iter()
        .map(|text| (text.clone(), json!([text])))
        .collect();
    events.push(DriverEvent::Decision {
        decision: decision(goal_id, Value::Object(input)),
    });
    events.push(DriverEvent::CompactSummaryStored {
        goal_id,
        turn_index: u32::MAX,
        before_tokens: u64::MAX,
        after_tokens: u64::MAX,
    });
    events.push(DriverEvent::CompactRequested {
        goal_id,
        turn_index: 0,
        focus: String::new(),
        token_pressure: f64::MIN_POSITIVE,
        before_tokens: 0,
        age_minutes: u64::MAX,
        trigger: CompactTrigger::TokenPressure {
            pct: -0.0,
            tokens_used: u64::MAX,
            context_window: 0,
        },
    });
    events
}

/// Returns texts that break careless code.
#[must_use]
pub fn hostile_texts() -> Vec<String> {
    let every_ascii_control: String = (0..0x20).chain([0x7f]).map(char::from).collect();
    let mut texts: Vec<String> = [
        "",
        "line\nfeed, carriage\rreturn, both\r\n",
        "quote \" backslash \\ slash / and \\\" both",
        r#"{"kind":"escalate","goal_id":"not this one","reason":"inside"}"#,
        "line separator \u{2028} paragraph separator \u{2029} next line \u{85}",
        "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{9b}31m",
        "\u{202e}right to left\u{202c} \u{2066}isolate\u{2069}",
        "\u{feff}byte order mark, zero\u{200b}width",
        "👩‍👩‍👧‍👦 emoji, e\u{301} combined, \u{10ffff} the last",
        "agent.driver.> * \0 %0A",
        "]]}}{{[[",
    ]
    .map(str::to_owned)
    .into();
    texts.push(every_ascii_control);
    texts.push("long ".repeat(2_000));
    texts
}

/// Returns a received event of the goal of an unknown kind, with spaces and a key order that the codec would not write: a
/// sink must forward its bytes. It has no subject until [`Envelope::with_event_type`] sets one.
#[must_use]
pub fn unknown_kind(goal_id: GoalId) -> Envelope {
    received(format!(
        r#"{{ "goal_id": "{goal_id}", "z": 1.50, "kind": "goal_paused", "a": {{"deep": [1e2, "é\u00e9"]}} }}"#
    ))
}

/// Returns a received event of a known kind as another publisher may write it, with spaces, a different key order and an
/// unknown field: a sink must forward its bytes.
#[must_use]
pub fn foreign(goal_id: GoalId) -> Envelope {
    received(format!(
        r#"{{ "reason": "\u0078", "goal_id": "{goal_id}", "new_field": [1.0], "kind": "escalate" }}"#
    ))
}

/// Returns a received event whose text was cut inside an emoji, as JavaScript writes it: a sink must forward its bytes, and a
/// source must deliver them.
#[must_use]
pub fn cut_text(goal_id: GoalId) -> Envelope {
    received(format!(
        r#"{{"kind":"escalate","goal_id":"{goal_id}","reason":"cut \ud83d","\udc00":null}}"#
    ))
}

/// Returns an event with a NaN, which JSON cannot represent.
#[must_use]
pub fn not_finite(goal_id: GoalId) -> Envelope {
    Envelope::new(DriverEvent::CompactRequested {
        goal_id,
        turn_index: 0,
        focus: String::new(),
        token_pressure: f64::NAN,
        before_tokens: 0,
        age_minutes: 0,
        trigger: CompactTrigger::Age {
            age_minutes: 0,
            max_age_minutes: 0,
        },
    })
}

/// Returns an event that contains JSON nested `levels` deep, in an envelope: dropping a bare [`DriverEvent`] with very
/// deep JSON overflows the stack.
#[must_use]
pub fn deep(goal_id: GoalId, levels: usize) -> Envelope {
    let mut input = Value::Null;
    for _ in 0..levels {
        input = Value::Array(vec![input]);
    }
    Envelope::new(DriverEvent::Decision {
        decision: decision(goal_id, input),
    })
}

/// Returns an event whose JSON has exactly this many bytes, or as few as possible. The limits of its envelope allow it.
#[must_use]
pub fn sized(goal_id: GoalId, bytes: usize) -> Envelope {
    let with_reason = |reason: String| {
        let limits = Limits::default().with_max_bytes(bytes.max(Limits::default().max_bytes()));
        Envelope::with_limits(DriverEvent::Escalate { goal_id, reason }, limits)
    };
    let empty = with_reason(String::new()).json().map_or(0, |json| json.len());
    with_reason("x".repeat(bytes.saturating_sub(empty)))
}

/// Returns an event above the default size limit of the codec.
#[must_use]
pub fn too_large(goal_id: GoalId) -> Envelope {
    let reason = "x".repeat(Limits::default().max_bytes());
    Envelope::new(DriverEvent::Escalate { goal_id, reason })
}

fn received(json: String) -> Envelope {
    Envelope::from_json(json).unwrap_or_else(|error| panic!("invalid sample: {error}"))
}

fn sample_goal(id: GoalId) -> Goal {
    let mut metadata = Map::new();
    metadata.insert("priority".into(), json!(2));
    let goal = Goal {
        id,
        description: "Fix the flaky retry test".into(),
        acceptance: vec![
            AcceptanceCriterion::shell("cargo test"),
            AcceptanceCriterion::file("src/retry.rs", "fn backoff"),
            AcceptanceCriterion::Custom {
                name: "lint".into(),
                args: json!({"strict": true}),
            },
            AcceptanceCriterion::llm_judge("the diff is small"),
        ],
        budget: BudgetGuards {
            max_turns: 8,
            max_wall_time: Duration::from_secs(1_800),
            max_tokens: 400_000,
            max_consecutive_denies: 3,
            max_consecutive_errors: 5,
            max_consecutive_413: 2,
        },
        workspace: Some("worktrees/retry".into()),
        metadata,
    };
    goal.with_agent_id("ana")
}

fn attempt_result(goal_id: GoalId) -> AttemptResult {
    let mut harness_extras = Map::new();
    harness_extras.insert("cost_usd".into(), json!(0.0421));
    AttemptResult {
        goal_id,
        turn_index: 3,
        outcome: AttemptOutcome::NeedsRetry {
            failures: vec![failure()],
        },
        decisions_recorded: vec![decision(goal_id, json!("ls -l"))],
        usage_after: usage(),
        acceptance: Some(verdict()),
        final_text: Some("I am done".into()),
        harness_extras,
    }
}

fn decision(goal_id: GoalId, input: Value) -> Decision {
    Decision {
        id: DecisionId(Uuid::from_u128(7)),
        goal_id,
        turn_index: 3,
        tool: "edit".into(),
        input,
        choice: DecisionChoice::Deny {
            message: "outside of the workspace".into(),
        },
        rationale: "the path leaves the workspace".into(),
        decided_at: time(),
    }
}

fn verdict() -> AcceptanceVerdict {
    AcceptanceVerdict {
        met: false,
        failures: vec![failure()],
        evaluated_at: time(),
        elapsed_ms: 5_321,
    }
}

fn failure() -> AcceptanceFailure {
    AcceptanceFailure {
        criterion_index: 1,
        criterion_label: "cargo test".into(),
        message: "exit status 101".into(),
        evidence: Some("1 of 50 runs failed".into()),
    }
}

fn usage() -> BudgetUsage {
    BudgetUsage {
        turns: 3,
        wall_time: Duration::from_millis(96_410),
        tokens: 123_456,
        consecutive_denies: 1,
        consecutive_errors: 0,
        consecutive_413: 0,
    }
}

fn time() -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(1_767_225_600_123_456_789)
}

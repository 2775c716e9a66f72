//! Strategies for events with edge-case values.

use std::time::Duration;

use driver_events_types::chrono::{DateTime, Utc};
use driver_events_types::serde_json::{Map, Number, Value};
use driver_events_types::{
    AcceptanceCriterion, AcceptanceFailure, AcceptanceVerdict, AttemptOutcome, AttemptResult, AutoDreamOutcomeKind,
    BudgetAxis, BudgetGuards, BudgetUsage, CompactTrigger, Decision, DecisionChoice, DecisionId, DriverEvent,
    ExtractSkipReason, Goal, GoalId, GoalOutcome, ReplayDecision, Uuid,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Any text, often an edge case.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let edge_cases = prop::sample::select(vec![
        "",
        "kind",
        "agent_id",
        "null",
        "\u{0}\u{1}\u{1f}\u{7f}\u{80}\u{9f}",
        "\u{2028}\u{2029}\u{feff}\u{202e}",
        "👩‍👩‍👧‍👦 e\u{301} \u{10ffff}",
        "\"\\/\u{8}\u{c}\n\r\t",
        r#"{"kind":"done"}"#,
        r"\ud800\u0000",
        "$serde_json::private::Number",
        "$serde_json::private::RawValue",
        "12345678901234567890123",
        "1e400",
    ])
    .prop_map(str::to_owned);
    prop_oneof![2 => edge_cases, 3 => vec(any::<char>(), 0..12).prop_map(String::from_iter), 1 => "[a-z_ ]{1,20}"]
}

/// Any finite float, including subnormal numbers and both zeroes.
pub(crate) fn float() -> impl Strategy<Value = f64> {
    let special = prop::sample::select(vec![
        0.0,
        -0.0,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        -f64::from_bits(1),
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        0.1,
        1e15,
        1e16,
        1e17,
        9_007_199_254_740_993.0,
        18_446_744_073_709_551_615.0,
    ]);
    let bits = any::<u64>()
        .prop_map(f64::from_bits)
        .prop_filter("JSON cannot represent NaN or infinity", |f| f.is_finite());
    let subnormal = (1_u64..1 << 52).prop_map(f64::from_bits);
    prop_oneof![1 => special, 3 => bits, 1 => subnormal]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        prop::sample::select(vec![0, 1, u64::MAX, 1 << 53, (1 << 63) - 1, 1 << 63]).prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        prop::sample::select(vec![-1, i64::MIN, i64::MIN + 1]).prop_map(Number::from),
        any::<i64>().prop_map(Number::from),
        float().prop_map(|float| Number::from_f64(float).unwrap()),
    ]
}

/// Free JSON, at most four levels deep.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((text(), inner), 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn map() -> impl Strategy<Value = Map<String, Value>> {
    vec((text(), value()), 0..4).prop_map(|entries| entries.into_iter().collect())
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        (0_u64..100_000, 0_u32..1_000_000_000).prop_map(|(secs, nanos)| Duration::new(secs, nanos)),
        (any::<u64>(), 0_u32..1_000_000_000).prop_map(|(secs, nanos)| Duration::new(secs, nanos)),
        (0_u64..10_000_000).prop_map(Duration::from_millis),
    ]
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    let first = "0000-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp();
    let last = "9999-12-31T23:59:59Z".parse::<DateTime<Utc>>().unwrap().timestamp();
    let nanos = prop_oneof![
        Just(0),
        (0_u32..1000).prop_map(|millis| millis * 1_000_000),
        (0_u32..1_000_000).prop_map(|micros| micros * 1000),
        0_u32..1_000_000_000,
    ];
    (first..=last, nanos).prop_map(|(secs, nanos)| DateTime::from_timestamp(secs, nanos).unwrap())
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn goal_id() -> impl Strategy<Value = GoalId> {
    uuid().prop_map(GoalId)
}

fn axis() -> impl Strategy<Value = BudgetAxis> {
    prop::sample::select(vec![
        BudgetAxis::Turns,
        BudgetAxis::WallTime,
        BudgetAxis::Tokens,
        BudgetAxis::ConsecutiveDenies,
        BudgetAxis::ConsecutiveErrors,
        BudgetAxis::Consecutive413,
    ])
}

fn guards() -> impl Strategy<Value = BudgetGuards> {
    let counts = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    (counts, duration(), any::<u64>()).prop_map(|((turns, denies, errors, too_large), max_wall_time, max_tokens)| {
        BudgetGuards {
            max_turns: turns,
            max_wall_time,
            max_tokens,
            max_consecutive_denies: denies,
            max_consecutive_errors: errors,
            max_consecutive_413: too_large,
        }
    })
}

fn usage() -> impl Strategy<Value = BudgetUsage> {
    let counts = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    (counts, duration(), any::<u64>()).prop_map(|((turns, denies, errors, too_large), wall_time, tokens)| BudgetUsage {
        turns,
        wall_time,
        tokens,
        consecutive_denies: denies,
        consecutive_errors: errors,
        consecutive_413: too_large,
    })
}

fn criterion() -> impl Strategy<Value = AcceptanceCriterion> {
    prop_oneof![
        (text(), option::of(any::<i32>()), option::of(text()), any::<u64>()).prop_map(
            |(command, expected_exit, stdout_must_match, timeout_secs)| AcceptanceCriterion::ShellCommand {
                command,
                expected_exit,
                stdout_must_match,
                timeout_secs,
            }
        ),
        (text(), text(), any::<bool>()).prop_map(|(path, regex, required)| AcceptanceCriterion::FileMatches {
            path,
            regex,
            required
        }),
        (text(), value()).prop_map(|(name, args)| AcceptanceCriterion::Custom { name, args }),
        text().prop_map(|criterion_text| AcceptanceCriterion::LlmJudge { criterion_text }),
    ]
}

fn failure() -> impl Strategy<Value = AcceptanceFailure> {
    (any::<usize>(), text(), text(), option::of(text())).prop_map(
        |(criterion_index, criterion_label, message, evidence)| AcceptanceFailure {
            criterion_index,
            criterion_label,
            message,
            evidence,
        },
    )
}

fn verdict() -> impl Strategy<Value = AcceptanceVerdict> {
    (any::<bool>(), vec(failure(), 0..3), time(), any::<u64>()).prop_map(|(met, failures, evaluated_at, elapsed_ms)| {
        AcceptanceVerdict {
            met,
            failures,
            evaluated_at,
            elapsed_ms,
        }
    })
}

fn outcome() -> impl Strategy<Value = AttemptOutcome> {
    prop_oneof![
        Just(AttemptOutcome::Done),
        vec(failure(), 0..3).prop_map(|failures| AttemptOutcome::NeedsRetry { failures }),
        text().prop_map(|reason| AttemptOutcome::Continue { reason }),
        (any::<u64>(), text()).prop_map(|(duration_ms, reason)| AttemptOutcome::Sleep { duration_ms, reason }),
        axis().prop_map(|axis| AttemptOutcome::BudgetExhausted { axis }),
        Just(AttemptOutcome::Cancelled),
        text().prop_map(|reason| AttemptOutcome::Escalate { reason }),
    ]
}

fn choice() -> impl Strategy<Value = DecisionChoice> {
    prop_oneof![
        Just(DecisionChoice::Allow),
        text().prop_map(|message| DecisionChoice::Deny { message }),
        text().prop_map(|note| DecisionChoice::Observe { note }),
    ]
}

fn decision() -> impl Strategy<Value = Decision> {
    let ids = (uuid(), goal_id(), any::<u32>());
    (ids, text(), value(), choice(), text(), time()).prop_map(
        |((id, goal_id, turn_index), tool, input, choice, rationale, decided_at)| Decision {
            id: DecisionId(id),
            goal_id,
            turn_index,
            tool,
            input,
            choice,
            rationale,
            decided_at,
        },
    )
}

fn replay() -> impl Strategy<Value = ReplayDecision> {
    prop_oneof![
        option::of(text()).prop_map(|rollback_to| ReplayDecision::FreshSessionRetry { rollback_to }),
        option::of(text()).prop_map(|rollback_to| ReplayDecision::NextTurn { rollback_to }),
        Just(ReplayDecision::CompactAndRetry),
        text().prop_map(|reason| ReplayDecision::Escalate { reason }),
    ]
}

fn trigger() -> impl Strategy<Value = CompactTrigger> {
    prop_oneof![
        (float(), any::<u64>(), any::<u64>()).prop_map(|(pct, tokens_used, context_window)| {
            CompactTrigger::TokenPressure {
                pct,
                tokens_used,
                context_window,
            }
        }),
        (any::<u64>(), any::<u64>()).prop_map(|(age_minutes, max_age_minutes)| CompactTrigger::Age {
            age_minutes,
            max_age_minutes
        }),
    ]
}

fn skip_reason() -> impl Strategy<Value = ExtractSkipReason> {
    prop::sample::select(vec![
        ExtractSkipReason::Disabled,
        ExtractSkipReason::Throttled,
        ExtractSkipReason::InProgress,
        ExtractSkipReason::CircuitBreakerOpen,
        ExtractSkipReason::MainAgentWrote,
    ])
}

fn dream_outcome() -> impl Strategy<Value = AutoDreamOutcomeKind> {
    prop::sample::select(vec![
        AutoDreamOutcomeKind::Completed,
        AutoDreamOutcomeKind::SkippedAutoMemoryDisabled,
        AutoDreamOutcomeKind::EscapeAudit,
    ])
}

fn goal_events() -> BoxedStrategy<DriverEvent> {
    let goal = (
        goal_id(),
        text(),
        vec(criterion(), 0..4),
        guards(),
        option::of(text()),
        map(),
    )
        .prop_map(
            |(id, description, acceptance, budget, workspace, metadata)| DriverEvent::GoalStarted {
                goal: Goal {
                    id,
                    description,
                    acceptance,
                    budget,
                    workspace,
                    metadata,
                },
            },
        );
    let outcome = (
        goal_id(),
        outcome(),
        any::<u32>(),
        usage(),
        option::of(text()),
        option::of(verdict()),
        duration(),
    )
        .prop_map(
            |(goal_id, outcome, total_turns, usage, final_text, acceptance, elapsed)| DriverEvent::GoalCompleted {
                outcome: GoalOutcome {
                    goal_id,
                    outcome,
                    total_turns,
                    usage,
                    final_text,
                    acceptance,
                    elapsed,
                },
            },
        );
    prop_oneof![goal, outcome].boxed()
}

fn attempt_events() -> BoxedStrategy<DriverEvent> {
    let started =
        (goal_id(), any::<u32>(), usage()).prop_map(|(goal_id, turn_index, usage)| DriverEvent::AttemptStarted {
            goal_id,
            turn_index,
            usage,
        });
    let head = (goal_id(), any::<u32>(), outcome(), vec(decision(), 0..3));
    let completed = (head, usage(), option::of(verdict()), option::of(text()), map()).prop_map(
        |((goal_id, turn_index, outcome, decisions_recorded), usage_after, acceptance, final_text, harness_extras)| {
            DriverEvent::AttemptCompleted {
                result: AttemptResult {
                    goal_id,
                    turn_index,
                    outcome,
                    decisions_recorded,
                    usage_after,
                    acceptance,
                    final_text,
                    harness_extras,
                },
            }
        },
    );
    let decision = decision().prop_map(|decision| DriverEvent::Decision { decision });
    let acceptance = (goal_id(), verdict()).prop_map(|(goal_id, verdict)| DriverEvent::Acceptance { goal_id, verdict });
    prop_oneof![1 => started, 3 => completed, 2 => decision, 1 => acceptance].boxed()
}

fn compact_events() -> BoxedStrategy<DriverEvent> {
    let numbers = (any::<u64>(), any::<u64>());
    let requested = (goal_id(), any::<u32>(), text(), float(), numbers, trigger()).prop_map(
        |(goal_id, turn_index, focus, token_pressure, (before_tokens, age_minutes), trigger)| {
            DriverEvent::CompactRequested {
                goal_id,
                turn_index,
                focus,
                token_pressure,
                before_tokens,
                age_minutes,
                trigger,
            }
        },
    );
    let completed = (goal_id(), any::<u32>(), any::<u64>()).prop_map(|(goal_id, turn_index, after_tokens)| {
        DriverEvent::CompactCompleted {
            goal_id,
            turn_index,
            after_tokens,
        }
    });
    let stored = (goal_id(), any::<u32>(), any::<u64>(), any::<u64>()).prop_map(
        |(goal_id, turn_index, before_tokens, after_tokens)| DriverEvent::CompactSummaryStored {
            goal_id,
            turn_index,
            before_tokens,
            after_tokens,
        },
    );
    prop_oneof![4 => requested, 1 => completed, 1 => stored].boxed()
}

fn other_events() -> BoxedStrategy<DriverEvent> {
    prop_oneof![
        (goal_id(), axis(), usage()).prop_map(|(goal_id, axis, usage)| DriverEvent::BudgetExhausted {
            goal_id,
            axis,
            usage
        }),
        (goal_id(), text()).prop_map(|(goal_id, reason)| DriverEvent::Escalate { goal_id, reason }),
        (goal_id(), any::<u32>(), replay(), text()).prop_map(|(goal_id, turn_index, decision, error_message)| {
            DriverEvent::ReplayDecision {
                goal_id,
                turn_index,
                decision,
                error_message,
            }
        }),
        (goal_id(), any::<u32>(), any::<u32>(), any::<u64>()).prop_map(
            |(goal_id, turn_index, memories_saved, duration_ms)| DriverEvent::ExtractMemoriesCompleted {
                goal_id,
                turn_index,
                memories_saved,
                duration_ms,
            }
        ),
        (goal_id(), skip_reason())
            .prop_map(|(goal_id, reason)| DriverEvent::ExtractMemoriesSkipped { goal_id, reason }),
        (goal_id(), dream_outcome())
            .prop_map(|(goal_id, outcome_kind)| DriverEvent::AutoDreamOutcome { goal_id, outcome_kind }),
        (goal_id(), any::<u32>(), usage(), option::of(text())).prop_map(|(goal_id, turn_index, usage, last_text)| {
            DriverEvent::Progress {
                goal_id,
                turn_index,
                usage,
                last_text,
            }
        }),
    ]
    .boxed()
}

/// An event of any kind.
pub(crate) fn event() -> impl Strategy<Value = DriverEvent> {
    prop_oneof![2 => goal_events(), 3 => attempt_events(), 1 => compact_events(), 2 => other_events()]
}

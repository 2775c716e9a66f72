use driver_events_core::conformance::samples;
use driver_events_core::{
    DriverEventSink, DriverEventSinkExt, Envelope, MemoryEventSink, REDACTED, Redaction, SetupErrorKind, SinkErrorKind,
};
use driver_events_types::serde_json::{self, Value, json};
use driver_events_types::{Decoded, DriverEvent, EventKind, Limits};

const GOAL: &str = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01";

/// Every text and free value of the events, and keys of free JSON, contain this.
const SECRET: &str = "secret";

const FIXTURES: [&str; 2] = [
    include_str!("../../../driver-events-types/tests/fixtures/goal-run.ndjson"),
    include_str!("../../../driver-events-types/tests/fixtures/upstream-events.ndjson"),
];

async fn redacted(redaction: &Redaction, envelope: Envelope) -> Envelope {
    let memory = MemoryEventSink::new();
    memory.clone().redacted(redaction.clone()).send(envelope).await.unwrap();
    memory.envelopes().remove(0)
}

async fn redacted_json(redaction: &Redaction, event: Value) -> Value {
    let envelope = Envelope::from_json(serde_json::to_vec(&event).unwrap()).unwrap();
    serde_json::from_slice(redacted(redaction, envelope).await.json().unwrap()).unwrap()
}

fn goal() -> Value {
    json!({"kind": "goal_started", "goal": {
        "id": GOAL,
        "description": "secret",
        "acceptance": [
            {"kind": "shell_command", "command": "secret", "expected_exit": 3, "stdout_must_match": "secret", "timeout_secs": 5},
            {"kind": "custom", "name": "secret", "args": {"secret": [1, "secret"]}},
            {"kind": "llm_judge", "criterion_text": "secret"},
        ],
        "budget": {"max_turns": 20, "max_wall_time": "1h", "max_tokens": 5, "max_consecutive_denies": 3,
            "max_consecutive_errors": 5, "max_consecutive_413": 2},
        "workspace": "secret",
        "metadata": {"agent_id": "secret", "customer": {"name": "secret", "tier": 1}, "list": [{"name": "secret"}, 2]},
    }})
}

#[tokio::test]
async fn metadata_only_keeps_ids_numbers_and_outcomes() {
    let redacted = redacted_json(&Redaction::metadata_only(), goal()).await;
    let expected = json!({"kind": "goal_started", "goal": {
        "id": GOAL,
        "description": REDACTED,
        "acceptance": [
            {"kind": "shell_command", "command": REDACTED, "expected_exit": 3, "stdout_must_match": REDACTED, "timeout_secs": 5},
            {"kind": "custom", "name": REDACTED, "args": REDACTED},
            {"kind": "llm_judge", "criterion_text": REDACTED},
        ],
        "budget": {"max_turns": 20, "max_wall_time": "1h", "max_tokens": 5, "max_consecutive_denies": 3,
            "max_consecutive_errors": 5, "max_consecutive_413": 2},
        "workspace": REDACTED,
        "metadata": {"agent_id": REDACTED, "customer": REDACTED, "list": REDACTED},
    }});
    assert_eq!(redacted, expected);
    let decision = json!({"kind": "decision", "decision": {"id": GOAL, "goal_id": GOAL, "turn_index": 1, "tool": "bash",
        "input": {"cmd": "secret"}, "choice": {"kind": "deny", "message": "secret"}, "rationale": "secret",
        "decided_at": "2026-01-01T00:00:00Z"}});
    let redacted = redacted_json(&Redaction::metadata_only(), decision).await;
    let expected = json!({"kind": "decision", "decision": {"id": GOAL, "goal_id": GOAL, "turn_index": 1, "tool": "bash",
        "input": REDACTED, "choice": {"kind": "deny", "message": REDACTED}, "rationale": REDACTED,
        "decided_at": "2026-01-01T00:00:00Z"}});
    assert_eq!(redacted, expected);
}

/// Each event stays valid, keeps kind, goal and attributes, and loses its texts. A null stays null.
#[tokio::test]
async fn every_event_can_be_redacted() {
    let redaction = Redaction::metadata_only();
    for line in FIXTURES.iter().flat_map(|fixture| fixture.lines()) {
        let envelope = Envelope::from_json(line).unwrap();
        let redacted = redacted(&redaction, envelope.clone()).await;
        assert_eq!(
            (redacted.kind(), redacted.goal_id()),
            (envelope.kind(), envelope.goal_id())
        );
        assert_eq!(redacted.id(), envelope.id());
        assert_eq!(
            redacted.event().unwrap().turn_index(),
            envelope.event().unwrap().turn_index()
        );
        let json = Envelope::from_json(redacted.json().unwrap().clone()).unwrap();
        assert!(matches!(json.decoded(), Decoded::Known(_)));
        let before: Value = serde_json::from_str(line).unwrap();
        let after: Value = serde_json::from_slice(redacted.json().unwrap()).unwrap();
        assert_eq!(
            before.get("last_text").is_some_and(Value::is_null),
            after.get("last_text").is_some_and(Value::is_null)
        );
    }
}

/// Fields that no rule names keep their bytes.
#[tokio::test]
async fn other_fields_keep_their_bytes() {
    let redaction = Redaction::none().mask(None, "goal.metadata.absent").unwrap();
    for line in FIXTURES.iter().flat_map(|fixture| fixture.lines()) {
        let redacted = redacted(&redaction, Envelope::from_json(line).unwrap()).await;
        assert_eq!(redacted.json().unwrap(), line);
    }
}

#[tokio::test]
async fn received_bytes_are_not_passed_on() {
    let received =
        r#"{"goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01", "kind":"escalate", "reason":"x", "new_field":"secret"}"#;
    let envelope = Envelope::from_json(received).unwrap();
    let passed = redacted(&Redaction::none(), envelope.clone()).await;
    assert_eq!(passed.json().unwrap(), received);
    let redaction = Redaction::none().mask(Some(EventKind::Progress), "last_text").unwrap();
    let redacted = redacted(&redaction, envelope).await;
    let expected = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
    assert_eq!(redacted.json().unwrap(), expected);
}

#[tokio::test]
async fn longest_path_counts_and_of_equal_ones_the_last() {
    let redaction = Redaction::metadata_only()
        .keep(None, "goal.metadata")
        .unwrap()
        .mask(None, "goal.metadata.customer")
        .unwrap()
        .keep(None, "goal.metadata.customer.tier")
        .unwrap()
        .mask(None, "goal.metadata.list.name")
        .unwrap()
        .remove(None, "goal.workspace")
        .unwrap()
        .keep(None, "goal.description")
        .unwrap()
        .mask(None, "goal.description")
        .unwrap()
        .keep(None, "goal.acceptance")
        .unwrap()
        .mask(None, "goal.acceptance.args")
        .unwrap();
    let redacted = redacted_json(&redaction, goal()).await;
    let goal_after = &redacted["goal"];
    let metadata =
        json!({"agent_id": "secret", "customer": {"name": REDACTED, "tier": 1}, "list": [{"name": REDACTED}, 2]});
    assert_eq!(goal_after["metadata"], metadata);
    assert_eq!(goal_after.get("workspace"), None);
    assert_eq!(goal_after["description"], REDACTED);
    assert_eq!(goal_after["acceptance"][0]["command"], "secret");
    assert_eq!(goal_after["acceptance"][1]["args"], REDACTED);
}

#[tokio::test]
async fn keys_of_free_json_can_be_removed() {
    let redaction = Redaction::none().remove(None, "goal.metadata.customer.name").unwrap();
    let redaction = redaction.remove(None, "goal.metadata.agent_id").unwrap();
    let redacted = redacted_json(&redaction, goal()).await;
    let expected = json!({"customer": {"tier": 1}, "list": [{"name": "secret"}, 2]});
    assert_eq!(redacted["goal"]["metadata"], expected);
}

#[tokio::test]
async fn rule_of_a_kind_leaves_other_kinds_alone() {
    let redaction = Redaction::none().mask(Some(EventKind::Escalate), "reason").unwrap();
    let escalate = json!({"kind": "escalate", "goal_id": GOAL, "reason": "secret"});
    assert_eq!(redacted_json(&redaction, escalate).await["reason"], REDACTED);
    assert_eq!(redacted_json(&redaction, goal()).await, goal());
}

/// A text in a field that is no text in any version is not taken for an id.
#[tokio::test]
async fn unknown_events_lose_their_texts() {
    let unknown = json!({"kind": "goal_paused", "goal_id": GOAL, "by": "secret", "count": 3, "is_manual": true,
        "nested": {"kind": "new_kind", "id": GOAL, "why": ["secret", {"who": "secret", "at": 5}]},
        "id": "secret", "other": {"kind": "A Secret", "goal_id": "secret"}});
    let expected = json!({"kind": "goal_paused", "goal_id": GOAL, "by": REDACTED, "count": 3, "is_manual": true,
        "nested": {"kind": "new_kind", "id": GOAL, "why": [REDACTED, {"who": REDACTED, "at": 5}]},
        "id": REDACTED, "other": {"kind": REDACTED, "goal_id": REDACTED}});
    assert_eq!(
        redacted_json(&Redaction::metadata_only(), unknown.clone()).await,
        expected
    );
    // A rule for all kinds applies where its path exists.
    let redaction = Redaction::none().mask(None, "reason").unwrap();
    let mut with_reason = unknown.clone();
    with_reason["reason"] = "secret".into();
    let redacted = redacted_json(&redaction, with_reason).await;
    assert_eq!(redacted["reason"], REDACTED);
    assert_eq!(redacted["by"], "secret");
}

/// Also numbers beyond 64 bits, duplicate keys, whitespace, and strings that are not Unicode.
#[tokio::test]
async fn unknown_events_keep_every_byte_that_no_rule_hides() {
    let redaction = Redaction::none().mask(None, "goal.metadata.absent").unwrap();
    let future = samples::future(samples::goal(1));
    let unknown = future.into_iter().filter(|envelope| envelope.event().is_none());
    for envelope in unknown.map(samples::with_every_attribute) {
        let redacted = redacted(&redaction, envelope.clone()).await;
        assert_eq!(redacted.json().unwrap(), envelope.json().unwrap());
        assert_eq!(redacted.decoded(), envelope.decoded());
        assert_eq!((redacted.id(), redacted.stamp()), (envelope.id(), envelope.stamp()));
        assert_eq!(redacted.subject(), envelope.subject());
    }
    let received = r#"{ "a":1e400,"kind":"goal_paused" ,"a" : "secret","reason":"secret", "goal":{"workspace":"secret" ,"n":1.0},
        "\ud800":["\udfff secret",18446744073709551616] }"#;
    let redaction = Redaction::metadata_only().remove(None, "goal.workspace").unwrap();
    let redacted = redacted(&redaction, Envelope::from_json(received).unwrap()).await;
    let expected = r#"{ "a":1e400,"kind":"goal_paused" ,"a" : "[redacted]","reason":"[redacted]", "goal":{"n":1.0},
        "\ud800":["[redacted]",18446744073709551616] }"#;
    assert_eq!(redacted.json().unwrap(), expected);
}

#[tokio::test]
async fn numbers_of_unknown_events_are_masked_where_a_rule_says_so() {
    let unknown = json!({"kind": "goal_paused", "goal_id": GOAL, "goal": {"metadata": {"card": 4111, "is_new": true}}});
    let rule = Redaction::none().mask(None, "goal.metadata").unwrap();
    let masked = json!({"kind": "goal_paused", "goal_id": GOAL,
        "goal": {"metadata": {"card": REDACTED, "is_new": REDACTED}}});
    assert_eq!(redacted_json(&rule, unknown.clone()).await, masked);
    let preset = Redaction::metadata_only();
    assert_eq!(redacted_json(&preset, unknown.clone()).await, unknown);
}

/// A known kind with an unknown value, and an unknown field beside it.
#[tokio::test]
async fn unknown_values_are_kept_and_unknown_fields_masked() {
    let event = json!({"kind": "attempt_completed", "result": {"goal_id": GOAL, "turn_index": 1,
        "outcome": {"kind": "parked", "note": "secret", "until": 5}, "decisions_recorded": [],
        "usage_after": {"turns": 1, "wall_time": "1s", "tokens": 1, "consecutive_denies": 0, "consecutive_errors": 0,
            "consecutive_413": 0, "label": "secret"},
        "final_text": "secret"}});
    let envelope = Envelope::from_json(serde_json::to_vec(&event).unwrap()).unwrap();
    assert!(matches!(envelope.decoded(), Decoded::Unknown { .. }));
    let redacted = redacted(&Redaction::metadata_only(), envelope.clone()).await;
    let mut expected = event;
    expected["result"]["outcome"]["note"] = REDACTED.into();
    expected["result"]["usage_after"]["label"] = REDACTED.into();
    expected["result"]["final_text"] = REDACTED.into();
    let json: Value = serde_json::from_slice(redacted.json().unwrap()).unwrap();
    assert_eq!(json, expected);
    assert_eq!((redacted.id(), redacted.subject()), (envelope.id(), envelope.subject()));
}

#[tokio::test]
async fn lone_surrogates_do_not_let_a_text_through() {
    let unknown = r#"{"kind":"goal_paused","by":"secret \ud83d"}"#;
    let redacted = redacted(&Redaction::metadata_only(), Envelope::from_json(unknown).unwrap()).await;
    let json = std::str::from_utf8(redacted.json().unwrap()).unwrap();
    assert!(!json.contains(SECRET), "{json}");
}

#[tokio::test]
async fn invalid_events_fail_alone() {
    let memory = MemoryEventSink::new();
    let sink = memory.clone().redacted(Redaction::metadata_only());
    let goal_id = samples::goal(1);
    let valid = || Envelope::new(samples::numbered(goal_id, 1));
    let batch = vec![
        valid(),
        samples::not_finite(goal_id),
        samples::deep(goal_id, 100_000),
        valid(),
    ];
    let results = sink.send_batch(batch).await;
    let kinds: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().err().map(|error| error.kind()))
        .collect();
    assert_eq!(
        kinds,
        [None, Some(SinkErrorKind::Encode), Some(SinkErrorKind::Encode), None]
    );
    assert_eq!(memory.len(), 2);
    assert_eq!(sink.send_batch(vec![samples::not_finite(goal_id)]).await.len(), 1);
}

#[test]
fn impossible_rules_are_errors() {
    let none = Redaction::none;
    for (result, reason) in [
        (none().mask(None, "decision.inptu"), "no event has such a field"),
        (
            none().mask(Some(EventKind::Escalate), "goal"),
            "events of the kind `escalate` have no such field",
        ),
        (none().mask(None, "turn_index"), "neither text nor free JSON"),
        (none().mask(None, "usage"), "neither text nor free JSON"),
        (none().remove(None, "decision.input"), "it is required"),
        (none().remove(None, "goal"), "it is required"),
        (none().keep(None, "goal..metadata"), "separated by single dots"),
        (none().mask(None, ""), "separated by single dots"),
        (none().keep(None, "goal.description.more"), "no event has such a field"),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Invalid);
        assert!(error.to_string().contains(reason), "{error}");
    }
    none().mask(None, "goal").unwrap();
    none().mask(None, "result.outcome.failures.evidence").unwrap();
    none().remove(None, "result.acceptance").unwrap();
    none()
        .remove(Some(EventKind::GoalStarted), "goal.metadata.any.depth")
        .unwrap();
}

/// The limits of a publisher hold for the redacted event, too.
#[tokio::test]
async fn limits_are_those_of_the_envelope() {
    let memory = MemoryEventSink::new();
    let sink = memory
        .clone()
        .redacted(Redaction::none().remove(None, "goal.metadata").unwrap());
    let mut started = goal();
    started["goal"]["description"] = "x".repeat(600 * 1024).into();
    let limits = Limits::default().with_max_bytes(1024 * 1024);
    let event = DriverEvent::from_json_with(started.to_string().as_bytes(), limits).unwrap();
    sink.send(Envelope::with_limits(event.clone(), limits)).await.unwrap();
    assert!(memory.envelopes()[0].json().unwrap().len() > 600 * 1024);
    let error = sink.send(Envelope::new(event)).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::TooLarge);
}

/// A path to an array or to one of several shapes masks the texts below it.
#[tokio::test]
async fn arrays_and_alternatives_can_be_masked() {
    for path in ["goal.acceptance", "goal.acceptance.command"] {
        let redaction = Redaction::none().mask(None, path).unwrap();
        let masked = redacted_json(&redaction, goal()).await;
        let text = masked["goal"]["acceptance"].to_string();
        assert!(text.contains(REDACTED), "{path}: {text}");
    }
    assert!(Redaction::none().mask(None, "goal.budget").is_err());
}

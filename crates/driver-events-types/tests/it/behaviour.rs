//! The methods and traits of the types, apart from the codec.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use driver_events_types::serde_json::{Map, Value, json};
use driver_events_types::{
    AcceptanceCriterion, AttemptOutcome, AttemptResult, BudgetAxis, BudgetGuards, BudgetUsage, Decision, DecisionId,
    DecodeError, Decoded, DriverEvent, EncodeError, EventKind, Goal, GoalId, GoalOutcome, Limits, Uuid,
};

use crate::support::tree::Node;
use crate::support::{GOAL, decode, encode, samples};

fn guards() -> BudgetGuards {
    BudgetGuards {
        max_turns: 10,
        max_wall_time: Duration::from_secs(10),
        max_tokens: 10,
        max_consecutive_denies: 10,
        max_consecutive_errors: 10,
        max_consecutive_413: 10,
    }
}

const AXES: [BudgetAxis; 6] = [
    BudgetAxis::Turns,
    BudgetAxis::WallTime,
    BudgetAxis::Tokens,
    BudgetAxis::ConsecutiveDenies,
    BudgetAxis::ConsecutiveErrors,
    BudgetAxis::Consecutive413,
];

/// Returns a usage of `used` on each of the axes and zero on the others.
fn used(axes: &[BudgetAxis], used: u32) -> BudgetUsage {
    let mut usage = BudgetUsage::default();
    for axis in axes {
        match axis {
            BudgetAxis::Turns => usage.turns = used,
            BudgetAxis::WallTime => usage.wall_time = Duration::from_secs(used.into()),
            BudgetAxis::Tokens => usage.tokens = used.into(),
            BudgetAxis::ConsecutiveDenies => usage.consecutive_denies = used,
            BudgetAxis::ConsecutiveErrors => usage.consecutive_errors = used,
            BudgetAxis::Consecutive413 => usage.consecutive_413 = used,
            other => panic!("no test for {other:?}"),
        }
    }
    usage
}

#[test]
fn budget_is_exhausted_at_its_limit() {
    assert_eq!(guards().is_exhausted(&BudgetUsage::default()), None);
    assert_eq!(guards().is_exhausted(&used(&AXES, 9)), None);
    for axis in AXES {
        assert_eq!(guards().is_exhausted(&used(&[axis], 9)), None);
        assert_eq!(guards().is_exhausted(&used(&[axis], 10)), Some(axis));
        assert_eq!(guards().is_exhausted(&used(&[axis], 11)), Some(axis));
    }
}

#[test]
fn first_exhausted_axis_is_returned() {
    for first in 0..AXES.len() {
        assert_eq!(guards().is_exhausted(&used(&AXES[first..], 10)), Some(AXES[first]));
    }
}

#[test]
fn zero_limit_disables_only_the_last_two_axes() {
    for (index, axis) in AXES.into_iter().enumerate() {
        let mut guards = guards();
        match axis {
            BudgetAxis::Turns => guards.max_turns = 0,
            BudgetAxis::WallTime => guards.max_wall_time = Duration::ZERO,
            BudgetAxis::Tokens => guards.max_tokens = 0,
            BudgetAxis::ConsecutiveDenies => guards.max_consecutive_denies = 0,
            BudgetAxis::ConsecutiveErrors => guards.max_consecutive_errors = 0,
            BudgetAxis::Consecutive413 => guards.max_consecutive_413 = 0,
            other => panic!("no test for {other:?}"),
        }
        let expected = (index < 4).then_some(axis);
        assert_eq!(guards.is_exhausted(&BudgetUsage::default()), expected);
        assert_eq!(guards.is_exhausted(&used(&[axis], u32::MAX)), expected);
    }
}

fn goal() -> Goal {
    Goal {
        id: GOAL,
        description: String::new(),
        acceptance: Vec::new(),
        budget: guards(),
        workspace: None,
        metadata: Map::new(),
    }
}

#[test]
fn agent_id_is_stored_in_the_metadata() {
    assert_eq!(goal().agent_id(), None);
    let goal = goal().with_agent_id("coder");
    assert_eq!(goal.agent_id(), Some("coder"));
    assert_eq!(Value::Object(goal.metadata.clone()), json!({"agent_id": "coder"}));
    let mut goal = goal.with_agent_id(String::from("reviewer"));
    assert_eq!(goal.agent_id(), Some("reviewer"));
    for invalid in [
        json!(""),
        json!(null),
        json!(5),
        json!(["coder"]),
        json!({"agent_id": "coder"}),
    ] {
        goal.metadata.insert("agent_id".to_owned(), invalid);
        assert_eq!(goal.agent_id(), None);
    }
}

#[test]
fn criteria_constructors_use_the_evaluators_defaults() {
    assert_eq!(
        AcceptanceCriterion::shell("cargo test"),
        AcceptanceCriterion::ShellCommand {
            command: "cargo test".into(),
            expected_exit: None,
            stdout_must_match: None,
            timeout_secs: 0,
        }
    );
    assert_eq!(
        AcceptanceCriterion::file("a", String::from("b")),
        AcceptanceCriterion::FileMatches {
            path: "a".into(),
            regex: "b".into(),
            required: true
        }
    );
    assert_eq!(
        AcceptanceCriterion::llm_judge("good"),
        AcceptanceCriterion::LlmJudge {
            criterion_text: "good".into()
        }
    );
}

#[cfg(feature = "random")]
#[test]
fn new_and_default_ids_are_random() {
    for (id, other) in [(GoalId::new(), GoalId::new()), (GoalId::default(), GoalId::default())] {
        assert_ne!(id, other);
        assert_eq!(id.0.get_version_num(), 4);
    }
    for (id, other) in [
        (DecisionId::new(), DecisionId::new()),
        (DecisionId::default(), DecisionId::default()),
    ] {
        assert_ne!(id, other);
        assert_eq!(id.0.get_version_num(), 4);
    }
}

#[test]
fn ids_format_and_parse_as_uuid() {
    let text = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01";
    assert_eq!(GOAL.to_string(), text);
    assert_eq!(text.parse(), Ok(GOAL));
    assert_eq!(DecisionId(GOAL.0).to_string(), text);
    assert_eq!(text.parse(), Ok(DecisionId(GOAL.0)));
    assert_eq!(serde_json::to_string(&GOAL).unwrap(), format!("\"{text}\""));
    assert!("goal".parse::<GoalId>().is_err());
    assert!("goal".parse::<DecisionId>().is_err());
}

#[test]
fn as_str_of_every_enum_is_its_json_text() {
    let kind_of = |json: &Node| match json {
        Node::Object(members) => members[0].1.clone(),
        other => other.clone(),
    };
    let mut checked = 0;
    for (event, json) in samples::all() {
        let mut json = Node::parse(&json);
        let mut check = |keys: &[&str], text: &str| {
            let steps: Vec<_> = keys
                .iter()
                .map(|key| crate::support::tree::Step::Key((*key).to_owned()))
                .collect();
            assert_eq!(kind_of(json.at(&steps)), Node::Text(format!("\"{text}\"")));
            checked += 1;
        };
        match &event {
            DriverEvent::GoalStarted { goal } => {
                let texts: Vec<_> = goal.acceptance.iter().map(AcceptanceCriterion::as_str).collect();
                let all = ["shell_command", "file_matches", "custom", "llm_judge"];
                assert_eq!(texts, all[..texts.len()]);
                checked += texts.len();
            }
            DriverEvent::GoalCompleted { outcome } => check(&["outcome", "outcome"], outcome.outcome.as_str()),
            DriverEvent::AttemptCompleted { result } => check(&["result", "outcome"], result.outcome.as_str()),
            DriverEvent::Decision { decision } => check(&["decision", "choice"], decision.choice.as_str()),
            DriverEvent::BudgetExhausted { axis, .. } => check(&["axis"], axis.as_str()),
            DriverEvent::ReplayDecision { decision, .. } => check(&["decision"], decision.as_str()),
            DriverEvent::CompactRequested { trigger, .. } => check(&["trigger"], trigger.as_str()),
            DriverEvent::ExtractMemoriesSkipped { reason, .. } => check(&["reason"], reason.as_str()),
            DriverEvent::AutoDreamOutcome { outcome_kind, .. } => check(&["outcome_kind"], outcome_kind.as_str()),
            _ => {}
        }
    }
    assert_eq!(checked, 5 + 2 + 9 + 3 + 6 + 6 + 2 + 5 + 12);
}

#[test]
fn events_return_goal_id_and_turn_index() {
    let without_turn = [
        EventKind::GoalStarted,
        EventKind::GoalCompleted,
        EventKind::Acceptance,
        EventKind::BudgetExhausted,
        EventKind::Escalate,
        EventKind::ExtractMemoriesSkipped,
        EventKind::AutoDreamOutcome,
    ];
    for (event, json) in samples::all() {
        assert_eq!(event.goal_id(), GOAL);
        assert_eq!(
            event.turn_index().is_none(),
            without_turn.contains(&event.kind()),
            "{}",
            event.kind()
        );
        if let Some(turn) = event.turn_index() {
            let first = json.split(r#""turn_index":"#).nth(1).unwrap();
            assert!(first.starts_with(&format!("{turn},")), "{turn} in {json}");
        }
    }
}

#[test]
fn attempt_without_optional_fields_has_its_literal_json() {
    let event = DriverEvent::AttemptCompleted {
        result: AttemptResult {
            goal_id: GoalId(Uuid::nil()),
            turn_index: 0,
            outcome: AttemptOutcome::Done,
            decisions_recorded: vec![],
            usage_after: BudgetUsage::default(),
            acceptance: None,
            final_text: None,
            harness_extras: Map::new(),
        },
    };
    let json = concat!(
        r#"{"kind":"attempt_completed","result":{"goal_id":"00000000-0000-0000-0000-000000000000","turn_index":0,"#,
        r#""outcome":{"kind":"done"},"decisions_recorded":[],"usage_after":{"turns":0,"wall_time":"0s","tokens":0,"#,
        r#""consecutive_denies":0,"consecutive_errors":0,"consecutive_413":0}}}"#
    );
    assert_eq!(encode(&event), json);
    assert_eq!(decode(json), event);
}

#[test]
fn types_implement_the_traits_of_the_public_api() {
    fn event<T: Clone + PartialEq + Debug + Send + Sync + 'static>() {}
    fn exact<T: Clone + Eq + Debug + Send + Sync + 'static>() {}
    fn name<T: Copy + Eq + Hash + Debug + Send + Sync + 'static>() {}
    fn id<T: Copy + Eq + Hash + Ord + Debug + Send + Sync + 'static>() {}
    fn error<T: std::error::Error + Clone + Eq + Send + Sync + 'static>() {}
    event::<DriverEvent>();
    event::<Decoded>();
    event::<driver_events_types::CompactTrigger>();
    exact::<Goal>();
    exact::<GoalOutcome>();
    exact::<AttemptResult>();
    exact::<Decision>();
    exact::<driver_events_types::AcceptanceVerdict>();
    exact::<driver_events_types::ReplayDecision>();
    exact::<BudgetGuards>();
    exact::<Limits>();
    name::<BudgetAxis>();
    name::<driver_events_types::ExtractSkipReason>();
    name::<driver_events_types::AutoDreamOutcomeKind>();
    id::<EventKind>();
    id::<GoalId>();
    id::<DecisionId>();
    error::<DecodeError>();
    error::<EncodeError>();
    error::<driver_events_types::UnknownKind>();
}

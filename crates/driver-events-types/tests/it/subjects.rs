//! The frozen names of kinds, subjects and topics.

use std::collections::HashSet;

use driver_events_types::{DEFAULT_TOPIC, EventKind, SUBJECT_WILDCARD};

use crate::support::samples;

const SUBJECTS: &str = include_str!("../../subjects.txt");
const TOPICS: &str = include_str!("../../topics.txt");

const KINDS_AND_SUBJECTS: [(EventKind, &str, &str); 16] = [
    (EventKind::GoalStarted, "goal_started", "agent.driver.goal.started"),
    (
        EventKind::GoalCompleted,
        "goal_completed",
        "agent.driver.goal.completed",
    ),
    (
        EventKind::AttemptStarted,
        "attempt_started",
        "agent.driver.attempt.started",
    ),
    (
        EventKind::AttemptCompleted,
        "attempt_completed",
        "agent.driver.attempt.completed",
    ),
    (EventKind::Decision, "decision", "agent.driver.decision"),
    (EventKind::Acceptance, "acceptance", "agent.driver.acceptance"),
    (
        EventKind::BudgetExhausted,
        "budget_exhausted",
        "agent.driver.budget.exhausted",
    ),
    (EventKind::Escalate, "escalate", "agent.driver.escalate"),
    (EventKind::ReplayDecision, "replay_decision", "agent.driver.replay"),
    (EventKind::CompactRequested, "compact_requested", "agent.driver.compact"),
    (
        EventKind::CompactCompleted,
        "compact_completed",
        "agent.driver.compact.completed",
    ),
    (
        EventKind::CompactSummaryStored,
        "compact_summary_stored",
        "agent.driver.compact.summary_stored",
    ),
    (
        EventKind::ExtractMemoriesCompleted,
        "extract_memories_completed",
        "agent.driver.extract_memories.completed",
    ),
    (
        EventKind::ExtractMemoriesSkipped,
        "extract_memories_skipped",
        "agent.driver.extract_memories.skipped",
    ),
    (
        EventKind::AutoDreamOutcome,
        "auto_dream_outcome",
        "agent.driver.auto_dream",
    ),
    (EventKind::Progress, "progress", "agent.driver.progress"),
];

#[test]
fn kinds_have_frozen_names_and_subjects_in_order() {
    let found: Vec<_> = EventKind::ALL
        .iter()
        .map(|kind| (*kind, kind.as_str(), kind.subject()))
        .collect();
    assert_eq!(found, KINDS_AND_SUBJECTS);
    assert!(EventKind::ALL.is_sorted(), "kinds are ordered as in the contract");
}

#[test]
fn committed_lists_match_the_code() {
    let lines = |name: fn(EventKind) -> &'static str| {
        let lines = EventKind::ALL.iter().map(|kind| format!("{kind}\t{}\n", name(*kind)));
        lines.collect::<String>()
    };
    assert_eq!(lines(EventKind::subject), SUBJECTS);
    assert_eq!(format!("*\t{DEFAULT_TOPIC}\n{}", lines(EventKind::topic)), TOPICS);
}

#[test]
fn topics_equal_subjects() {
    assert_eq!(DEFAULT_TOPIC, "agent.driver");
    for (kind, _, subject) in KINDS_AND_SUBJECTS {
        assert_eq!(kind.topic(), subject);
    }
}

#[test]
fn names_are_unique_and_valid_for_every_transport() {
    let kinds: HashSet<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let subjects: HashSet<_> = EventKind::ALL.iter().map(|kind| kind.subject()).collect();
    // In Kafka's metric names `.` and `_` collide.
    let in_metrics: HashSet<_> = subjects.iter().map(|subject| subject.replace('.', "_")).collect();
    assert_eq!((kinds.len(), subjects.len(), in_metrics.len()), (16, 16, 16));
    let prefix = SUBJECT_WILDCARD.strip_suffix('>').unwrap();
    for subject in subjects {
        assert!(subject.starts_with(prefix), "{subject}");
        assert!(subject.len() <= 249);
        for token in subject.split('.') {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            assert!(!token.is_empty() && token.bytes().all(fits), "{subject}");
        }
    }
}

#[test]
fn kinds_parse_their_exact_text() {
    for kind in EventKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(*kind));
        assert_eq!(kind.to_string(), kind.as_str());
        for other in [
            kind.as_str().to_uppercase(),
            format!("{kind} "),
            kind.subject().to_owned(),
        ] {
            assert_eq!(other.parse::<EventKind>().unwrap_err().kind(), other);
        }
    }
    assert_eq!(format!("{:>10}|", EventKind::Progress), "  progress|");
    assert_eq!(
        "\u{1b}[2J".parse::<EventKind>().unwrap_err().to_string(),
        r"unknown event kind `\u{1b}[2J`"
    );
}

#[test]
fn events_have_the_kind_and_subject_of_their_json() {
    let mut kinds = HashSet::new();
    for (event, json) in samples::all() {
        let (kind, name, subject) = KINDS_AND_SUBJECTS
            .into_iter()
            .find(|(kind, ..)| *kind == event.kind())
            .unwrap();
        assert!(json.starts_with(&format!(r#"{{"kind":"{name}","#)), "{json}");
        assert_eq!(event.nats_subject(), subject);
        kinds.insert(kind);
    }
    assert_eq!(kinds.len(), 16, "the samples cover every kind");
}

//! The grammars of kinds, subjects and topics.
//!
//! Our own grammar is narrower than those of NATS and Kafka: tokens of lower-case letters, digits and `_`, joined by `.`.
//! Such a name needs no quotes in a shell, a URL, a metric or a permission rule. The brokers' grammars are checked first,
//! because their messages name the broker that would reject the name.

use driver_events_types::{DEFAULT_TOPIC, SUBJECT_WILDCARD};

/// Kafka's limit on the length of a topic.
const MAX_KAFKA_TOPIC_BYTES: usize = 249;

const TOKEN_FAULT: &str = "driver-events: a token contains only a-z, 0-9 and `_`";

/// Returns the reason if NATS rejects `subject` or treats it as a wildcard.
#[must_use]
pub(super) fn nats_fault(subject: &str) -> Option<&'static str> {
    if subject.split('.').any(str::is_empty) {
        Some("NATS: empty token")
    } else if subject.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("NATS: space or control character")
    } else if subject.contains(['*', '>']) {
        Some("NATS: `*` and `>` are wildcards")
    } else {
        None
    }
}

/// Returns the reason if Kafka rejects `subject` as the name of a topic.
#[must_use]
pub(super) fn kafka_fault(subject: &str) -> Option<&'static str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if matches!(subject, "." | "..") {
        Some("Kafka: `.` and `..` are reserved")
    } else if subject.is_empty() || subject.len() > MAX_KAFKA_TOPIC_BYTES {
        Some("Kafka: a topic has 1 to 249 characters")
    } else if !subject.chars().all(is_allowed) {
        Some("Kafka: a topic contains only A-Z, a-z, 0-9, `.`, `_` and `-`")
    } else {
        None
    }
}

/// Returns the reason if `subject` violates our grammar of subjects.
#[must_use]
pub(super) fn subject_fault(subject: &str) -> Option<&'static str> {
    if !subject.split('.').all(is_token) {
        Some(TOKEN_FAULT)
    } else if !subject.starts_with(SUBJECT_WILDCARD.trim_end_matches('>')) {
        Some("driver-events: the wildcard `agent.driver.>` does not match it")
    } else {
        None
    }
}

/// Returns the reason if `topic` violates our grammar of topics.
#[must_use]
pub(super) fn topic_fault(topic: &str) -> Option<&'static str> {
    if !topic.split('.').all(is_token) {
        Some(TOKEN_FAULT)
    } else if topic != DEFAULT_TOPIC && !topic.starts_with(SUBJECT_WILDCARD.trim_end_matches('>')) {
        Some("driver-events: it is neither `agent.driver` nor below it")
    } else {
        None
    }
}

/// Returns the reason if `kind` violates our grammar of kinds.
#[must_use]
pub(super) fn kind_fault(kind: &str) -> Option<&'static str> {
    (!is_token(kind)).then_some("driver-events: a kind contains only a-z, 0-9 and `_`")
}

/// Returns the topic's name in Kafka's metrics, which replace `.` with `_`.
#[must_use]
pub(super) fn metric_name(subject: &str) -> String {
    subject.replace('.', "_")
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_have_no_space_and_no_wildcard_in_nats() {
        for subject in ["agent.driver.goal.started", "a", "agent.driver.Größe"] {
            assert_eq!(nats_fault(subject), None, "{subject}");
        }
        for (subject, fault) in [
            ("", "empty"),
            (".a", "empty"),
            ("a.", "empty"),
            ("a..b", "empty"),
            ("a b", "space"),
            ("a\tb", "space"),
            ("a.\u{7}", "control"),
            ("a.*", "wildcards"),
            ("a.>", "wildcards"),
            ("a.b*c", "wildcards"),
        ] {
            let found = nats_fault(subject).unwrap_or_else(|| panic!("{subject:?} passed"));
            assert!(found.contains(fault), "{subject:?}: {found}");
        }
    }

    #[test]
    fn topics_have_249_characters_at_most_in_kafka() {
        for subject in ["agent.driver", "A-z_0.9", &"a".repeat(249)] {
            assert_eq!(kafka_fault(subject), None, "{subject}");
        }
        for subject in ["", ".", "..", "a b", "a/b", "ä", &"a".repeat(250)] {
            assert!(kafka_fault(subject).is_some(), "{subject:?} passed");
        }
    }

    #[test]
    fn our_names_are_lower_case_and_below_agent_driver() {
        for subject in ["agent.driver.goal.started", "agent.driver.compact.summary_stored"] {
            assert_eq!(subject_fault(subject), None, "{subject}");
        }
        for subject in [
            "agent.driver.Goal",
            "agent.driver.goal-started",
            "agent.driver",
            "agent.driver.",
            "agent.driver2.goal",
            "other.goal",
        ] {
            assert!(subject_fault(subject).is_some(), "{subject:?} passed");
        }
        for topic in ["agent.driver", "agent.driver.goal.started"] {
            assert_eq!(topic_fault(topic), None, "{topic}");
        }
        for topic in [
            "agent",
            "agent.driver.",
            "agent.driver2",
            "agent.driver.goal-started",
            "other.goal",
        ] {
            assert!(topic_fault(topic).is_some(), "{topic:?} passed");
        }
        assert_eq!(kind_fault("goal_started"), None);
        for kind in ["", "goal.started", "GoalStarted", "goal started"] {
            assert!(kind_fault(kind).is_some(), "{kind:?} passed");
        }
    }

    #[test]
    fn dots_and_underscores_collide_in_metrics() {
        assert_eq!(metric_name("agent.driver.a_b"), metric_name("agent.driver.a.b"));
    }
}

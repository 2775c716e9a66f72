//! What a name may look like.
//!
//! A subject is a subject in NATS, and may be a topic in Kafka; a kind is a key of many tables. The house's own grammar
//! is narrower than both brokers': lower-case letters, digits and `_`, in tokens that `.` joins. It leaves nothing to
//! quote in a shell, a URL, a metric or a permission rule. The brokers' own rules are checked first, since a message
//! that names the broker says what would break.

use driver_events_types::{DEFAULT_TOPIC, SUBJECT_WILDCARD};

/// Kafka's limit on the name of a topic, in bytes.
const KAFKA_LONGEST: usize = 249;

const TOKEN_FAULT: &str = "here: a token is made of a-z, 0-9 and `_`";

/// Why NATS would refuse to publish on `subject`, or would not carry it to exactly one subject.
#[must_use]
pub(super) fn nats_fault(subject: &str) -> Option<&'static str> {
    if subject.split('.').any(str::is_empty) {
        Some("NATS: a token is empty")
    } else if subject.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("NATS: a space or a control character")
    } else if subject.contains(['*', '>']) {
        Some("NATS: `*` and `>` are wildcards")
    } else {
        None
    }
}

/// Why Kafka would refuse `subject` as the name of a topic.
#[must_use]
pub(super) fn kafka_fault(subject: &str) -> Option<&'static str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if matches!(subject, "." | "..") {
        Some("Kafka: `.` and `..` are no topics")
    } else if subject.is_empty() || subject.len() > KAFKA_LONGEST {
        Some("Kafka: a topic has 1 to 249 characters")
    } else if !subject.chars().all(is_allowed) {
        Some("Kafka: a topic is made of A-Z, a-z, 0-9, `.`, `_` and `-`")
    } else {
        None
    }
}

/// Why `subject` is not one of ours.
#[must_use]
pub(super) fn subject_fault(subject: &str) -> Option<&'static str> {
    if !subject.split('.').all(is_token) {
        Some(TOKEN_FAULT)
    } else if !subject.starts_with(SUBJECT_WILDCARD.trim_end_matches('>')) {
        Some("here: the wildcard `agent.driver.>` does not match it")
    } else {
        None
    }
}

/// Why `topic` is not one of ours.
#[must_use]
pub(super) fn topic_fault(topic: &str) -> Option<&'static str> {
    if !topic.split('.').all(is_token) {
        Some(TOKEN_FAULT)
    } else if topic != DEFAULT_TOPIC && !topic.starts_with(SUBJECT_WILDCARD.trim_end_matches('>')) {
        Some("here: it is neither `agent.driver` nor below it")
    } else {
        None
    }
}

/// Why `kind` cannot be the text of `"kind"`.
#[must_use]
pub(super) fn kind_fault(kind: &str) -> Option<&'static str> {
    (!is_token(kind)).then_some("here: a kind is made of a-z, 0-9 and `_`")
}

/// The name by which Kafka's metrics know a topic: they write `.` as `_`.
#[must_use]
pub(super) fn in_metrics(subject: &str) -> String {
    subject.replace('.', "_")
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nats_takes_tokens_without_spaces_and_wildcards() {
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
    fn kafka_takes_up_to_249_characters_of_its_set() {
        for subject in ["agent.driver", "A-z_0.9", &"a".repeat(249)] {
            assert_eq!(kafka_fault(subject), None, "{subject}");
        }
        for subject in ["", ".", "..", "a b", "a/b", "ä", &"a".repeat(250)] {
            assert!(kafka_fault(subject).is_some(), "{subject:?} passed");
        }
    }

    #[test]
    fn ours_are_lower_case_and_in_the_family() {
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
    fn metrics_do_not_tell_a_dot_from_an_underscore() {
        assert_eq!(in_metrics("agent.driver.a_b"), in_metrics("agent.driver.a.b"));
    }
}

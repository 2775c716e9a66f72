//! Subjects of events, with an optional prefix.

use async_nats::Subject;
use driver_events_core::{Envelope, SetupError, SinkError, SinkErrorKind};
use driver_events_types::{EventKind, SUBJECT_WILDCARD};

/// Prefix of all subjects of the contract.
const ROOT: &str = "agent.driver.";

/// Subjects of the contract with an optional prefix, as in `tenant-7.agent.driver.escalate`.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    /// Empty, or ends with a dot.
    prefix: String,
    /// By the discriminant of the kind, which is its index in [`EventKind::ALL`]. Cloning a subject does not copy it.
    of_kinds: Vec<Subject>,
}

impl Subjects {
    /// Creates the subjects without a prefix.
    pub(crate) fn bare() -> Self {
        Self::with_dotted_prefix(String::new())
    }

    /// Creates the subjects with a prefix, if there is one.
    ///
    /// # Errors
    /// The prefix is not a valid subject, or contains a wildcard.
    pub(crate) fn below(prefix: Option<&str>) -> Result<Self, SetupError> {
        let Some(prefix) = prefix else {
            return Ok(Self::bare());
        };
        if !is_publishable(prefix) {
            return Err(SetupError::invalid(format!(
                "invalid prefix {prefix:?}: it must be dot-separated tokens without wildcards, spaces and control characters"
            )));
        }
        Ok(Self::with_dotted_prefix(format!("{prefix}.")))
    }

    fn with_dotted_prefix(prefix: String) -> Self {
        let of_kind = |kind: &EventKind| {
            if prefix.is_empty() {
                Subject::from_static(kind.subject())
            } else {
                Subject::from(format!("{prefix}{}", kind.subject()))
            }
        };
        let of_kinds = EventKind::ALL.iter().map(of_kind).collect();
        Self { prefix, of_kinds }
    }

    /// Returns the subject of an event.
    ///
    /// # Errors
    /// [`Rejected`](SinkErrorKind::Rejected): the event's kind is unknown, and its CloudEvents type is missing or not a
    /// subject below `agent.driver.`. A received type is untrusted: it must not become a subject such as `$JS.API.…`.
    pub(crate) fn of(&self, envelope: &Envelope) -> Result<Subject, SinkError> {
        if let Some(kind) = envelope.decoded().known_kind()
            && let Some(subject) = self.of_kinds.get(kind as usize)
        {
            return Ok(subject.clone());
        }
        let kind = envelope.kind();
        let rejected = |why: String| SinkError::new(SinkErrorKind::Rejected, why);
        let Some(subject) = envelope.subject() else {
            return Err(rejected(format!(
                "unknown kind {kind:?} without a CloudEvents type: it has no subject"
            )));
        };
        if !subject.starts_with(ROOT) || !is_publishable(subject) {
            return Err(rejected(format!(
                "unknown kind {kind:?}: its CloudEvents type {subject:?} is not a subject below {SUBJECT_WILDCARD}"
            )));
        }
        Ok(Subject::from(format!("{}{subject}", self.prefix)))
    }

    /// Returns the prefix.
    pub(crate) fn prefix(&self) -> Option<&str> {
        self.prefix.strip_suffix('.')
    }

    /// Returns the subject of a kind.
    pub(crate) fn of_kind(&self, kind: EventKind) -> String {
        format!("{}{}", self.prefix, kind.subject())
    }

    /// Returns the wildcard for all of the subjects.
    pub(crate) fn wildcard(&self) -> String {
        format!("{}{SUBJECT_WILDCARD}", self.prefix)
    }

    /// Removes the prefix. Returns `None` if the subject is not one of these.
    pub(crate) fn strip<'a>(&self, subject: &'a str) -> Option<&'a str> {
        let subject = subject.strip_prefix(&self.prefix)?;
        subject.starts_with(ROOT).then_some(subject)
    }
}

/// Returns whether a text is a valid subject without wildcards: dot-separated tokens, none of them empty, without
/// whitespace and control characters.
pub(crate) fn is_publishable(subject: &str) -> bool {
    subject.split('.').all(|token| {
        !token.is_empty()
            && token != "*"
            && token != ">"
            && !token.contains(|character: char| character.is_whitespace() || character.is_control())
    })
}

#[cfg(test)]
mod tests {
    use driver_events_core::{Envelope, SinkErrorKind};
    use driver_events_types::{DriverEvent, EventKind, GoalId};

    use super::{Subjects, is_publishable};

    fn unknown(event_type: &str) -> Envelope {
        let json = r#"{"kind":"goal_paused","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01"}"#;
        Envelope::from_json(json).unwrap().with_event_type(event_type).unwrap()
    }

    #[test]
    fn the_prefix_precedes_every_subject() {
        let event = DriverEvent::Escalate {
            goal_id: GoalId::new(),
            reason: "x".into(),
        };
        let envelope = Envelope::new(event);
        assert_eq!(
            Subjects::bare().of(&envelope).unwrap().as_str(),
            "agent.driver.escalate"
        );
        let subjects = Subjects::below(Some("eu.tenant-7")).unwrap();
        assert_eq!(
            subjects.of(&envelope).unwrap().as_str(),
            "eu.tenant-7.agent.driver.escalate"
        );
        assert_eq!(subjects.wildcard(), "eu.tenant-7.agent.driver.>");
        for kind in EventKind::ALL {
            let under = format!("eu.tenant-7.{}", kind.subject());
            assert_eq!(subjects.strip(&under), Some(kind.subject()));
            assert_eq!(subjects.strip(kind.subject()), None);
        }
    }

    #[test]
    fn each_kind_has_its_own_subject() {
        for (index, kind) in EventKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
            assert_eq!(Subjects::bare().of_kinds[index].as_str(), kind.subject());
        }
    }

    #[test]
    fn an_invalid_prefix_is_an_error() {
        for prefix in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a b",
            "a.*",
            ">",
            "a\r\nPUB x 0",
            "a\u{a0}b",
        ] {
            assert!(Subjects::below(Some(prefix)).is_err(), "{prefix:?}");
        }
    }

    #[test]
    fn an_unknown_kind_stays_below_the_root() {
        let subjects = Subjects::below(Some("t")).unwrap();
        let subject = subjects.of(&unknown("agent.driver.goal.paused")).unwrap();
        assert_eq!(subject.as_str(), "t.agent.driver.goal.paused");
        for hostile in [
            "$JS.API.STREAM.DELETE.DRIVER",
            "agent.driver",
            "agent.driver.",
            "agent.driver.>",
            "agent.driver.a b",
            "com.example.paused",
        ] {
            let error = subjects.of(&unknown(hostile)).unwrap_err();
            assert_eq!(error.kind(), SinkErrorKind::Rejected, "{hostile}");
        }
    }

    #[test]
    fn every_subject_of_the_contract_is_publishable() {
        assert!(EventKind::ALL.iter().all(|kind| is_publishable(kind.subject())));
    }
}

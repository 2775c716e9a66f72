//! Where events are published: the subject of the event, under a prefix where there is one.

use async_nats::Subject;
use driver_events_core::{Envelope, SinkError, SinkErrorKind};
use driver_events_types::{EventKind, SUBJECT_WILDCARD};

use crate::SetupError;

/// What all subjects of the contract begin with.
const ROOT: &str = "agent.driver.";

/// The subjects of one publisher: those of the contract, or those of the contract under a prefix, as in
/// `tenant-7.agent.driver.escalate`.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    /// Empty, or it ends with a dot.
    prefix: String,
    /// By the place of the kind in [`EventKind::ALL`]: made once, and cloned without a copy.
    of_kinds: Vec<Subject>,
}

impl Subjects {
    /// The subjects as the contract has them.
    pub(crate) fn bare() -> Self {
        Self::with_dotted_prefix(String::new())
    }

    /// The subjects under a prefix.
    ///
    /// # Errors
    /// The prefix is no subject that can be published to.
    pub(crate) fn under(prefix: &str) -> Result<Self, SetupError> {
        if !is_publishable(prefix) {
            return Err(SetupError::invalid(format!(
                "the prefix {prefix:?} must be tokens of printable characters without `*` and `>`, separated by dots"
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

    /// Where the event is published.
    ///
    /// # Errors
    /// [`Rejected`](SinkErrorKind::Rejected): the event's kind is not known, and the CloudEvents type that it came with
    /// is none, or is no subject of the contract's family. Such a type may come from anywhere, and must not reach the
    /// subjects by which a server is governed.
    pub(crate) fn of(&self, envelope: &Envelope) -> Result<Subject, SinkError> {
        if let Some(kind) = envelope.decoded().known_kind()
            && let Some(subject) = EventKind::ALL
                .iter()
                .position(|each| *each == kind)
                .and_then(|place| self.of_kinds.get(place))
        {
            return Ok(subject.clone());
        }
        let kind = envelope.kind();
        let rejected = |why: String| SinkError::new(SinkErrorKind::Rejected, why);
        let Some(subject) = envelope.subject() else {
            return Err(rejected(format!(
                "the kind {kind:?} is not known and the event came without a CloudEvents type, so it has no subject"
            )));
        };
        if !subject.starts_with(ROOT) || !is_publishable(subject) {
            return Err(rejected(format!(
                "the kind {kind:?} is not known and its CloudEvents type {subject:?} is no subject below {SUBJECT_WILDCARD}"
            )));
        }
        Ok(Subject::from(format!("{}{subject}", self.prefix)))
    }

    /// Where events of a kind are published.
    pub(crate) fn of_kind(&self, kind: EventKind) -> String {
        format!("{}{}", self.prefix, kind.subject())
    }

    /// What a reader subscribes to for all of them.
    pub(crate) fn wildcard(&self) -> String {
        format!("{}{SUBJECT_WILDCARD}", self.prefix)
    }

    /// The subject as the contract has it; none where it is not one of these.
    pub(crate) fn strip<'a>(&self, subject: &'a str) -> Option<&'a str> {
        let subject = subject.strip_prefix(&self.prefix)?;
        subject.starts_with(ROOT).then_some(subject)
    }
}

/// Whether a text is a subject that can be published to: tokens separated by dots, none of them empty or a wildcard,
/// without blanks and control characters.
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
    fn a_prefix_stands_before_every_subject() {
        let event = DriverEvent::Escalate {
            goal_id: GoalId::new(),
            reason: "x".into(),
        };
        let envelope = Envelope::new(event);
        assert_eq!(
            Subjects::bare().of(&envelope).unwrap().as_str(),
            "agent.driver.escalate"
        );
        let subjects = Subjects::under("eu.tenant-7").unwrap();
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
    fn a_prefix_that_is_no_subject_is_refused() {
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
            assert!(Subjects::under(prefix).is_err(), "{prefix:?}");
        }
    }

    #[test]
    fn an_unknown_kind_stays_in_the_family() {
        let subjects = Subjects::under("t").unwrap();
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
    fn every_subject_of_the_contract_can_be_published_to() {
        assert!(EventKind::ALL.iter().all(|kind| is_publishable(kind.subject())));
    }
}

//! Which topic an event goes to.

use std::fmt;
use std::sync::Arc;

use driver_events_core::{Envelope, SinkError, SinkErrorKind};
use driver_events_types::EventKind;

use crate::{DEFAULT_TOPIC, SetupError};

/// What all subjects of the contract begin with.
const ROOT: &str = "agent.driver.";
/// Kafka's limit on the name of a topic, in bytes.
const LONGEST: usize = 249;

/// The topics of one producer, under a prefix where there is one.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    /// Empty, or it ends with a dot.
    prefix: String,
    naming: Naming,
}

#[derive(Clone)]
pub(crate) enum Naming {
    /// All events in one topic, prefix included.
    One(Arc<str>),
    /// A topic for each subject, of the same name.
    PerSubject,
    /// As the caller says.
    By(Arc<NameOf>),
}

/// Names the topic of an event.
pub(crate) type NameOf = dyn Fn(&Envelope) -> String + Send + Sync;

impl Topics {
    /// # Errors
    /// A prefix or a topic that Kafka does not take.
    pub(crate) fn new(naming: Naming, prefix: Option<&str>) -> Result<Self, SetupError> {
        let prefix = prefix.map(|prefix| format!("{prefix}.")).unwrap_or_default();
        let naming = match naming {
            Naming::One(topic) => Naming::One(format!("{prefix}{topic}").into()),
            naming => naming,
        };
        let topics = Self { prefix, naming };
        for topic in topics.known() {
            check(&topic).map_err(|why| SetupError::invalid(format!("the topic {topic:?} {why}")))?;
        }
        Ok(topics)
    }

    /// The topic of an event.
    ///
    /// # Errors
    /// [`Rejected`](SinkErrorKind::Rejected): its kind is not known and names no topic, or the caller's function gives a
    /// name that Kafka does not take.
    pub(crate) fn of(&self, envelope: &Envelope) -> Result<Arc<str>, SinkError> {
        let name = match &self.naming {
            Naming::One(topic) => return Ok(Arc::clone(topic)),
            Naming::PerSubject => subject(envelope)?.to_owned(),
            Naming::By(name_of) => name_of(envelope),
        };
        let topic = format!("{}{name}", self.prefix);
        match check(&topic) {
            Ok(()) => Ok(topic.into()),
            Err(why) => Err(rejected(format!("the topic {topic:?} {why}"))),
        }
    }

    /// The topics of all kinds, as far as they can be told without an event.
    pub(crate) fn known(&self) -> Vec<String> {
        let named = |name: &str| format!("{}{name}", self.prefix);
        match &self.naming {
            Naming::One(topic) => vec![topic.to_string()],
            Naming::PerSubject => EventKind::ALL.iter().map(|kind| named(kind.topic())).collect(),
            Naming::By(_) => Vec::new(),
        }
    }
}

impl Default for Naming {
    fn default() -> Self {
        Self::One(DEFAULT_TOPIC.into())
    }
}

impl fmt::Debug for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(topic) => f.debug_tuple("One").field(topic).finish(),
            Self::PerSubject => f.write_str("PerSubject"),
            Self::By(_) => f.write_str("By"),
        }
    }
}

/// The type that an unknown kind came with may come from anywhere, and must stay in the contract's family.
fn subject(envelope: &Envelope) -> Result<&str, SinkError> {
    let kind = envelope.kind();
    match envelope.subject() {
        Some(subject) if subject.starts_with(ROOT) => Ok(subject),
        Some(subject) => Err(rejected(format!(
            "the kind {kind:?} is not known and its CloudEvents type {subject:?} is no subject below {ROOT:?}"
        ))),
        None => Err(rejected(format!(
            "the kind {kind:?} is not known and the event came without a CloudEvents type, so it names no topic"
        ))),
    }
}

fn rejected(why: String) -> SinkError {
    SinkError::new(SinkErrorKind::Rejected, why)
}

/// Whether Kafka takes a name for a topic.
pub(crate) fn check(topic: &str) -> Result<(), &'static str> {
    if topic.is_empty() || topic.len() > LONGEST {
        return Err("must have 1 to 249 characters");
    }
    if topic == "." || topic == ".." {
        return Err("must have more than dots");
    }
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match topic.bytes().all(is_legal) {
        true => Ok(()),
        false => Err("must be made of A-Z, a-z, 0-9, `.`, `_` and `-`"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use driver_events_core::{Envelope, SinkErrorKind};
    use driver_events_types::{DriverEvent, EventKind, GoalId};

    use super::{Naming, Topics};

    fn escalate() -> Envelope {
        let goal_id = GoalId::new();
        let reason = "x".into();
        Envelope::new(DriverEvent::Escalate { goal_id, reason })
    }

    fn unknown() -> Envelope {
        Envelope::from_json(r#"{"kind":"goal_paused"}"#).unwrap()
    }

    #[test]
    fn one_topic_takes_every_kind() {
        let topics = Topics::new(Naming::default(), None).unwrap();
        assert_eq!(topics.of(&escalate()).unwrap().as_ref(), "agent.driver");
        assert_eq!(topics.of(&unknown()).unwrap().as_ref(), "agent.driver");
        let topics = Topics::new(Naming::default(), Some("tenant-7")).unwrap();
        assert_eq!(topics.of(&escalate()).unwrap().as_ref(), "tenant-7.agent.driver");
        assert_eq!(topics.known(), ["tenant-7.agent.driver"]);
    }

    #[test]
    fn a_subject_is_a_topic() {
        let topics = Topics::new(Naming::PerSubject, Some("t")).unwrap();
        assert_eq!(topics.of(&escalate()).unwrap().as_ref(), "t.agent.driver.escalate");
        assert_eq!(topics.known().len(), EventKind::ALL.len());
        let paused = unknown().with_event_type("agent.driver.goal.paused").unwrap();
        assert_eq!(topics.of(&paused).unwrap().as_ref(), "t.agent.driver.goal.paused");
        for event_type in ["com.example.paused", "agent.driver.a b", "__consumer_offsets"] {
            let envelope = unknown().with_event_type(event_type).unwrap();
            assert_eq!(
                topics.of(&envelope).unwrap_err().kind(),
                SinkErrorKind::Rejected,
                "{event_type}"
            );
        }
        assert_eq!(topics.of(&unknown()).unwrap_err().kind(), SinkErrorKind::Rejected);
    }

    #[test]
    fn the_caller_may_name_topics() {
        let topics = Topics::new(Naming::By(Arc::new(|envelope| envelope.kind().to_owned())), None).unwrap();
        assert_eq!(topics.of(&escalate()).unwrap().as_ref(), "escalate");
        let topics = Topics::new(Naming::By(Arc::new(|_| "ä".to_owned())), None).unwrap();
        assert_eq!(topics.of(&escalate()).unwrap_err().kind(), SinkErrorKind::Rejected);
    }

    #[test]
    fn names_that_kafka_does_not_take_are_refused_at_once() {
        for topic in ["", ".", "..", "a b", "a/b", &"a".repeat(250)] {
            assert!(Topics::new(Naming::One(topic.into()), None).is_err(), "{topic:?}");
        }
        assert!(Topics::new(Naming::default(), Some("a b")).is_err());
    }
}

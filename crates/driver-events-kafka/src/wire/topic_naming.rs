//! Maps events to topics.

use std::fmt;
use std::sync::Arc;

use driver_events_core::{Envelope, SetupError, SinkError, SinkErrorKind};
use driver_events_types::{DEFAULT_TOPIC, EventKind};

/// Prefix of all subjects of the contract.
const SUBJECT_PREFIX: &str = "agent.driver.";
/// Kafka's limit in bytes.
const MAX_TOPIC_NAME_LEN: usize = 249;

/// The topics of one sink or source, with their prefix.
#[derive(Clone, Debug)]
pub(crate) struct TopicNaming {
    /// Empty, or ends with a dot.
    prefix: String,
    strategy: TopicNameStrategy,
}

#[derive(Clone)]
pub(crate) enum TopicNameStrategy {
    /// All events in one topic; its name includes the prefix.
    Single(Arc<str>),
    /// A topic for each subject, named like it.
    PerSubject,
    /// The caller's function.
    Function(Arc<TopicFn>),
}

/// Returns the topic of an event.
pub(crate) type TopicFn = dyn Fn(&Envelope) -> String + Send + Sync;

impl TopicNaming {
    /// # Errors
    /// The prefix or the topic is invalid.
    pub(crate) fn new(strategy: TopicNameStrategy, prefix: Option<&str>) -> Result<Self, SetupError> {
        let prefix = prefix.map(|prefix| format!("{prefix}.")).unwrap_or_default();
        let strategy = match strategy {
            TopicNameStrategy::Single(topic) => TopicNameStrategy::Single(format!("{prefix}{topic}").into()),
            strategy => strategy,
        };
        let naming = Self { prefix, strategy };
        for topic in naming.known_topics() {
            validate_topic_name(&topic).map_err(SetupError::invalid)?;
        }
        Ok(naming)
    }

    /// Returns the topic of an event.
    ///
    /// # Errors
    /// [`Rejected`](SinkErrorKind::Rejected): the event has an unknown kind and no subject, or the caller's function
    /// returned an invalid name.
    pub(crate) fn topic_of(&self, envelope: &Envelope) -> Result<Arc<str>, SinkError> {
        let name = match &self.strategy {
            TopicNameStrategy::Single(topic) => return Ok(Arc::clone(topic)),
            TopicNameStrategy::PerSubject => subject(envelope)?.to_owned(),
            TopicNameStrategy::Function(topic_fn) => topic_fn(envelope),
        };
        let topic = format!("{}{name}", self.prefix);
        match validate_topic_name(&topic) {
            Ok(()) => Ok(topic.into()),
            Err(message) => Err(rejected(message)),
        }
    }

    /// Returns the topics of all known kinds; none if a function names them.
    pub(crate) fn known_topics(&self) -> Vec<String> {
        match &self.strategy {
            TopicNameStrategy::Single(topic) => vec![topic.to_string()],
            TopicNameStrategy::PerSubject => {
                let topic = |kind: &EventKind| format!("{}{}", self.prefix, kind.topic());
                EventKind::ALL.iter().map(topic).collect()
            }
            TopicNameStrategy::Function(_) => Vec::new(),
        }
    }
}

impl Default for TopicNameStrategy {
    fn default() -> Self {
        Self::Single(DEFAULT_TOPIC.into())
    }
}

impl fmt::Debug for TopicNameStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(topic) => f.debug_tuple("Single").field(topic).finish(),
            Self::PerSubject => f.write_str("PerSubject"),
            Self::Function(_) => f.write_str("Function"),
        }
    }
}

/// Returns the subject. For an unknown kind it is the CloudEvents type, which the sender chose, so it must have the
/// contract's prefix.
fn subject(envelope: &Envelope) -> Result<&str, SinkError> {
    let kind = envelope.kind();
    match envelope.subject() {
        Some(subject) if subject.starts_with(SUBJECT_PREFIX) => Ok(subject),
        Some(subject) => Err(rejected(format!(
            "unknown kind {kind:?} has no topic: its CloudEvents type {subject:?} does not start with `{SUBJECT_PREFIX}`"
        ))),
        None => Err(rejected(format!(
            "unknown kind {kind:?} has no topic: the event has no CloudEvents type"
        ))),
    }
}

fn rejected(message: String) -> SinkError {
    SinkError::new(SinkErrorKind::Rejected, message)
}

/// Checks that Kafka accepts the topic's name.
///
/// # Errors
/// The error's text.
pub(crate) fn validate_topic_name(topic: &str) -> Result<(), String> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let problem = if topic.is_empty() || topic.len() > MAX_TOPIC_NAME_LEN {
        "must have 1 to 249 characters"
    } else if topic == "." || topic == ".." {
        "`.` and `..` are reserved"
    } else if !topic.bytes().all(is_legal) {
        "only A-Z, a-z, 0-9, `.`, `_` and `-` are allowed"
    } else {
        return Ok(());
    };
    Err(format!("invalid topic name `{}`: {problem}", topic.escape_debug()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use driver_events_core::{Envelope, SinkErrorKind};
    use driver_events_types::{DriverEvent, EventKind, GoalId};

    use super::{TopicNameStrategy, TopicNaming};

    fn escalate() -> Envelope {
        let goal_id = GoalId::new();
        let reason = "x".into();
        Envelope::new(DriverEvent::Escalate { goal_id, reason })
    }

    fn unknown() -> Envelope {
        Envelope::from_json(r#"{"kind":"goal_paused"}"#).unwrap()
    }

    #[test]
    fn single_topic_takes_every_kind() {
        let naming = TopicNaming::new(TopicNameStrategy::default(), None).unwrap();
        assert_eq!(naming.topic_of(&escalate()).unwrap().as_ref(), "agent.driver");
        assert_eq!(naming.topic_of(&unknown()).unwrap().as_ref(), "agent.driver");
        let naming = TopicNaming::new(TopicNameStrategy::default(), Some("tenant-7")).unwrap();
        assert_eq!(naming.topic_of(&escalate()).unwrap().as_ref(), "tenant-7.agent.driver");
        assert_eq!(naming.known_topics(), ["tenant-7.agent.driver"]);
    }

    #[test]
    fn per_subject_rejects_foreign_types() {
        let naming = TopicNaming::new(TopicNameStrategy::PerSubject, Some("t")).unwrap();
        assert_eq!(
            naming.topic_of(&escalate()).unwrap().as_ref(),
            "t.agent.driver.escalate"
        );
        assert_eq!(naming.known_topics().len(), EventKind::ALL.len());
        let paused = unknown().with_event_type("agent.driver.goal.paused").unwrap();
        assert_eq!(naming.topic_of(&paused).unwrap().as_ref(), "t.agent.driver.goal.paused");
        for event_type in ["com.example.paused", "agent.driver.a b", "__consumer_offsets"] {
            let envelope = unknown().with_event_type(event_type).unwrap();
            assert_eq!(
                naming.topic_of(&envelope).unwrap_err().kind(),
                SinkErrorKind::Rejected,
                "{event_type}"
            );
        }
        assert_eq!(naming.topic_of(&unknown()).unwrap_err().kind(), SinkErrorKind::Rejected);
    }

    #[test]
    fn topic_fn_names_topics_and_invalid_names_are_rejected() {
        let naming = TopicNaming::new(
            TopicNameStrategy::Function(Arc::new(|envelope| envelope.kind().to_owned())),
            None,
        )
        .unwrap();
        assert_eq!(naming.topic_of(&escalate()).unwrap().as_ref(), "escalate");
        let naming = TopicNaming::new(TopicNameStrategy::Function(Arc::new(|_| "ä".to_owned())), None).unwrap();
        assert_eq!(
            naming.topic_of(&escalate()).unwrap_err().kind(),
            SinkErrorKind::Rejected
        );
    }

    #[test]
    fn invalid_topic_names_are_refused_by_new() {
        for topic in ["", ".", "..", "a b", "a/b", &"a".repeat(250)] {
            assert!(
                TopicNaming::new(TopicNameStrategy::Single(topic.into()), None).is_err(),
                "{topic:?}"
            );
        }
        assert!(TopicNaming::new(TopicNameStrategy::default(), Some("a b")).is_err());
    }
}

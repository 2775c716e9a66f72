use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Config, DeliverPolicy, ReplayPolicy};
use driver_events_core::{SetupError, SetupErrorKind};

/// The server deletes an ephemeral consumer after this time without pull requests.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(300);
const DEFAULT_ACK_WAIT: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(super) struct ConsumerSettings {
    pub(super) stream: String,
    /// Name of the durable consumer; `None` for an ephemeral one.
    pub(super) durable: Option<String>,
    pub(super) start: DeliverPolicy,
    pub(super) filter_subjects: Vec<String>,
    /// Whether `filter_subjects` selects all events.
    pub(super) selects_all_events: bool,
    pub(super) ack_wait: Option<Duration>,
    pub(super) max_ack_pending: Option<usize>,
}

impl ConsumerSettings {
    /// Returns the configuration of an ephemeral consumer without acks.
    pub(super) fn ephemeral(&self, name: &str, start: DeliverPolicy) -> Config {
        Config {
            name: Some(name.to_owned()),
            deliver_policy: start,
            ack_policy: AckPolicy::None,
            inactive_threshold: INACTIVE_THRESHOLD,
            memory_storage: true,
            num_replicas: 1,
            ..self.common()
        }
    }

    /// Returns the configuration of a new durable consumer.
    pub(super) fn durable(&self, name: &str) -> Config {
        Config {
            durable_name: Some(name.to_owned()),
            name: Some(name.to_owned()),
            deliver_policy: self.start,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait.unwrap_or(DEFAULT_ACK_WAIT),
            // 0 is the server's default, within its limits.
            max_ack_pending: to_i64(self.max_ack_pending.unwrap_or_default()),
            ..self.common()
        }
    }

    fn common(&self) -> Config {
        Config {
            filter_subjects: self.filter_subjects.clone(),
            replay_policy: ReplayPolicy::Instant,
            description: Some("Reads the events of driver loops".to_owned()),
            ..Config::default()
        }
    }

    /// Checks an existing durable consumer against the settings. It is never changed.
    pub(super) fn check(&self, name: &str, found: &Config) -> Result<(), SetupError> {
        let unfit = |what: String| {
            let message = format!("consumer `{name}` {what}: choose another name, or delete the consumer");
            Err(SetupError::new(SetupErrorKind::Incompatible, message))
        };
        if found.deliver_subject.is_some() {
            return unfit("is a push consumer".into());
        }
        if found.ack_policy != AckPolicy::Explicit {
            return unfit("does not have `ack_policy: explicit`".into());
        }
        if found.headers_only {
            return unfit("delivers headers only (`headers_only`)".into());
        }
        if found.max_deliver > 0 {
            return unfit(format!(
                "gives up after {} deliveries (`max_deliver`), so that events of a killed reader are lost",
                found.max_deliver
            ));
        }
        if !found.priority_groups.is_empty() {
            return unfit("delivers to priority groups only (`priority_groups`)".into());
        }
        let filter_subjects: BTreeSet<&String> = match found.filter_subject.is_empty() {
            true => found.filter_subjects.iter().collect(),
            false => [&found.filter_subject].into(),
        };
        // Without a filter the consumer delivers all events, and other messages if the stream captures more.
        let selects_all = filter_subjects.is_empty() && self.selects_all_events;
        if !selects_all && filter_subjects != self.filter_subjects.iter().collect() {
            return unfit(format!(
                "has the filter subjects {filter_subjects:?}, expected {:?}",
                self.filter_subjects
            ));
        }
        if let Some(expected) = self.ack_wait.filter(|expected| *expected != found.ack_wait) {
            return unfit(format!(
                "has an `ack_wait` of {:?}, expected {expected:?}",
                found.ack_wait
            ));
        }
        let differs = |expected: &usize| to_i64(*expected) != found.max_ack_pending;
        if let Some(expected) = self.max_ack_pending.filter(differs) {
            let found = found.max_ack_pending;
            return unfit(format!("has a `max_ack_pending` of {found}, expected {expected}"));
        }
        Ok(())
    }
}

fn to_i64(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

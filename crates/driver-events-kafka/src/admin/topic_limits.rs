//! Settings of a topic that decide which records it refuses.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};

use crate::client::context::Context;
use crate::client::creation;
use crate::client::detached::drop_detached;
use crate::client::properties::needs_token_provider;
use crate::client::state::KafkaState;

/// Timeout of the request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The brokers' default of `message.timestamp.after.max.ms`.
const DEFAULT_AHEAD_MS: i64 = 3_600_000;

/// Limits beyond which a topic refuses records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicLimits {
    /// Whether records need a key: the topic is compacted.
    pub(crate) needs_key: bool,
    /// How far a timestamp may be ahead of the broker's clock (`message.timestamp.after.max.ms`).
    pub(crate) ahead_ms: Option<i64>,
    /// How far a timestamp may be behind (`message.timestamp.before.max.ms`).
    pub(crate) behind_ms: Option<i64>,
    /// Length of a record that is too large (`max.message.bytes`).
    pub(crate) length: Option<usize>,
}

/// Properties of a record that a topic's limits apply to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordTraits {
    pub(crate) has_key: bool,
    /// How far the timestamp is ahead of the clock.
    pub(crate) ahead_ms: i64,
    /// Length of the value.
    pub(crate) length: usize,
}

/// Difference between our clock and the broker's: a record this close to a limit may be refused.
const CLOCK_SKEW_MS: i64 = 60_000;

impl Default for TopicLimits {
    fn default() -> Self {
        Self {
            needs_key: false,
            ahead_ms: Some(DEFAULT_AHEAD_MS),
            behind_ms: None,
            length: None,
        }
    }
}

impl TopicLimits {
    /// Returns whether the topic may refuse such a record.
    pub(crate) fn may_refuse(&self, record: RecordTraits) -> bool {
        // A limit of the order of the skew would make all records suspect.
        let margin = |limit: i64| limit - CLOCK_SKEW_MS.min(limit / 2);
        let RecordTraits {
            has_key,
            ahead_ms,
            length,
        } = record;
        (self.needs_key && !has_key)
            || self
                .ahead_ms
                .is_some_and(|limit| ahead_ms > 0 && ahead_ms >= margin(limit))
            || self
                .behind_ms
                .is_some_and(|limit| ahead_ms < 0 && -ahead_ms >= margin(limit))
            || self.length.is_some_and(|limit| length >= limit)
    }

    fn new(found: &ConfigResource) -> Self {
        let value = |name: &str| found.get(name).and_then(|entry| entry.value.as_deref());
        let milliseconds = |name| value(name).and_then(|value| value.parse().ok());
        let is_append_time = value("message.timestamp.type") == Some("LogAppendTime");
        Self {
            needs_key: value("cleanup.policy").is_some_and(|policy| policy.contains("compact")),
            ahead_ms: milliseconds("message.timestamp.after.max.ms").filter(|_| !is_append_time),
            behind_ms: milliseconds("message.timestamp.before.max.ms").filter(|_| !is_append_time),
            length: value("max.message.bytes").and_then(|value| value.parse().ok()),
        }
    }
}

/// Returns the limits of those topics whose settings are visible: that needs DESCRIBE_CONFIGS.
pub(crate) async fn topic_limits(
    connection: &ClientConfig,
    state: &KafkaState,
    topics: &[String],
) -> Vec<(String, TopicLimits)> {
    // rdkafka's admin client does not support tokens.
    if topics.is_empty() || needs_token_provider(connection) {
        return Vec::new();
    }
    let context = Context::new(state.clone(), None, ());
    let admin: AdminClient<_> = match creation::create(connection, context) {
        Ok(admin) => admin,
        Err(error) => {
            tracing::debug!(%error, "cannot read the topics' settings");
            return Vec::new();
        }
    };
    let resources: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let described = admin.describe_configs(&resources, &options).await;
    drop_detached(admin);
    let described = described.unwrap_or_else(|error| {
        tracing::debug!(%error, "cannot read the topics' settings");
        Vec::new()
    });
    let described = topics.iter().zip(described);
    described
        // rdkafka drops the error code of a missing permission, and returns no entries.
        .filter_map(|(topic, found)| Some((topic.clone(), found.ok().filter(|found| !found.entries.is_empty())?)))
        .map(|(topic, found)| (topic, TopicLimits::new(&found)))
        .collect()
}

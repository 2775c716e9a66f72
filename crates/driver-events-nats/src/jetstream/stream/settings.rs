use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

/// Settings of a stream for events. The defaults suit a single server; a cluster needs [`replicas`](Self::replicas).
///
/// Fixed settings: file storage; with [`max_bytes`](Self::max_bytes) `discard: new`, so that a full stream refuses new
/// events instead of deleting old ones; `allow_direct`, so that readers may query any replica; `allow_atomic`, for atomic
/// batches on servers from 2.12.
#[derive(Clone, Debug)]
#[must_use]
pub struct StreamSettings {
    pub(super) name: String,
    pub(super) prefix: Option<String>,
    pub(super) domain: Option<String>,
    replicas: usize,
    max_bytes: Option<u64>,
    max_age: Option<Duration>,
    duplicate_window: Duration,
}

impl StreamSettings {
    /// Creates settings of a stream that captures all events published without a prefix.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            prefix: None,
            domain: None,
            replicas: 1,
            max_bytes: None,
            max_age: None,
            duplicate_window: Duration::from_secs(120),
        }
    }

    /// Sets the subject prefix of the captured events. Default: none.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sets the JetStream domain. Default: none.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets the number of replicas; 3 survive the loss of a server. Default: 1.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Sets the maximum size. A full stream refuses events with [`Full`](driver_events_core::SinkErrorKind::Full).
    /// Default: unlimited.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Sets the age at which events are deleted. Default: never.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets how long the server remembers event ids to detect duplicates, which costs memory for each id. The window must
    /// be longer than the [publishers' retry timeout](crate::JetStreamEventSinkBuilder::retry_timeout). If the server's limit
    /// is shorter, the stream gets that, with a warning. Default: 2 minutes.
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.duplicate_window = window;
        self
    }

    /// Returns the configuration of a stream that captures a subject.
    pub(super) fn config(&self, subject: String) -> Config {
        let max_age = self.max_age.unwrap_or_default();
        // The server refuses a duplicate window that is longer than `max_age`.
        let duplicate_window = match self.max_age {
            Some(max_age) => self.duplicate_window.min(max_age),
            None => self.duplicate_window,
        };
        Config {
            name: self.name.clone(),
            subjects: vec![subject],
            description: Some("Events of driver loops".to_owned()),
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            num_replicas: self.replicas,
            max_bytes: self
                .max_bytes
                .map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            max_messages: -1,
            max_messages_per_subject: -1,
            max_consumers: -1,
            max_age,
            discard: match self.max_bytes {
                Some(_) => DiscardPolicy::New,
                None => DiscardPolicy::Old,
            },
            duplicate_window,
            allow_direct: true,
            allow_atomic_publish: true,
            ..Config::default()
        }
    }
}

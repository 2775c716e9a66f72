use std::time::Duration;

use async_nats::Client;
use driver_events_core::{EventFilter, SetupError};
use driver_events_types::Limits;
use tokio::time::Instant;

use super::source::{NatsEventSource, Settings};
use crate::connection::{ConnectionSource, DEFAULT_BARRIER_SUBJECT, NatsConnection, NatsOptions, Subscription};
use crate::wire::Subjects;

/// Timeout for the server to confirm the subscription.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(1);

/// Builder of a [`NatsEventSource`]. [`build`](Self::build) checks all settings.
///
/// # Examples
/// ```no_run
/// use driver_events_core::EventFilter;
/// use driver_events_nats::{NatsEventSource, NatsOptions};
/// use driver_events_types::EventKind;
///
/// # async fn example() -> Result<(), driver_events_nats::SetupError> {
/// let source = NatsEventSource::builder()
///     .options(NatsOptions::new("nats://127.0.0.1:4222"))
///     .prefix("tenant-7")
///     .filter(EventFilter::everything().kinds([EventKind::Escalate]))
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NatsEventSourceBuilder {
    connection: ConnectionSource,
    prefix: Option<String>,
    queue_group: Option<String>,
    settings: Settings,
}

impl NatsEventSource {
    /// Subscribes to all events without a prefix, over an existing client.
    ///
    /// # Errors
    /// As [`NatsEventSourceBuilder::build`].
    pub async fn new(client: Client) -> Result<Self, SetupError> {
        Self::builder().client(client).build().await
    }

    /// Creates a builder, with settings for the connection, the prefix, the queue group and the filter.
    pub fn builder() -> NatsEventSourceBuilder {
        NatsEventSourceBuilder {
            connection: ConnectionSource::Missing,
            prefix: None,
            queue_group: None,
            settings: Settings {
                subjects: Subjects::bare(),
                filter: EventFilter::everything(),
                limits: Limits::default(),
                max_messages: 65_536,
                max_bytes: 64 << 20,
            },
        }
    }
}

impl NatsEventSourceBuilder {
    /// Connects with these options. The source owns the connection.
    pub fn options(mut self, options: NatsOptions) -> Self {
        self.connection = ConnectionSource::Options(options);
        self
    }

    /// Uses a shared connection.
    pub fn connection(mut self, connection: NatsConnection) -> Self {
        self.connection = ConnectionSource::Shared(connection);
        self
    }

    /// Uses an existing client. The source then does not see rejected credentials and subscriptions.
    pub fn client(mut self, client: Client) -> Self {
        self.connection = ConnectionSource::Client(client);
        self
    }

    /// Subscribes to subjects with this prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Joins a queue group: each event is delivered to one member. The events of one goal are spread over the members, so
    /// that a `SequenceTracker` reports false gaps.
    pub fn queue_group(mut self, group: impl Into<String>) -> Self {
        self.queue_group = Some(group.into());
        self
    }

    /// Delivers only events that match the filter, and malformed messages. All messages cross the network.
    pub fn filter(mut self, filter: EventFilter) -> Self {
        self.settings.filter = filter;
        self
    }

    /// Sets the limits of an event; a larger event is malformed.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Sets the capacity of the queue for a slow reader. While it is full, messages are dropped, counted and reported.
    /// Default: 65,536 messages and 64 MiB.
    pub fn capacity(mut self, messages: usize, bytes: usize) -> Self {
        self.settings.max_messages = messages;
        self.settings.max_bytes = bytes;
        self
    }

    /// Connects if [`options`](Self::options) are set, and subscribes.
    ///
    /// Events published after it returns are delivered, unless the client is still connecting in the background, or has no
    /// permission for the request that confirms the subscription.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid) if the prefix or queue group is invalid, or no connection is set;
    /// [`Unauthorized`](crate::SetupErrorKind::Unauthorized) if the subscription is not permitted;
    /// [`Unreachable`](crate::SetupErrorKind::Unreachable) if the client does not accept the subscription in time; and the errors of
    /// [`NatsOptions::connect`].
    pub async fn build(self) -> Result<NatsEventSource, SetupError> {
        let mut settings = self.settings;
        settings.subjects = Subjects::below(self.prefix.as_deref())?;
        let is_group =
            |group: &String| !group.is_empty() && !group.contains(|c: char| c.is_whitespace() || c.is_control());
        if let Some(group) = self.queue_group.as_ref().filter(|group| !is_group(group)) {
            return Err(SetupError::invalid(format!(
                "invalid queue group `{group}`: it must not be empty or contain white space"
            )));
        }
        let connection = self.connection.connect().await?;
        let wildcard = settings.subjects.wildcard();
        let subscription = Subscription::new(connection.clone(), wildcard.clone(), self.queue_group).await?;
        if connection.is_connected() {
            // Without a confirmation the subscription has still been sent.
            let deadline = Instant::now() + CONFIRM_TIMEOUT;
            let _ = connection
                .barrier(DEFAULT_BARRIER_SUBJECT, connection.epoch(), deadline)
                .await;
            if let Some(refusal) = connection.refused_subscription(&wildcard) {
                return Err(refusal.into());
            }
        }
        Ok(NatsEventSource::with_subscription(connection, subscription, settings))
    }
}

use std::time::Duration;

use async_nats::{Client, Subscriber};
use driver_events_core::EventFilter;
use driver_events_types::Limits;
use tokio::time::{Instant, timeout_at};

use super::source::{NatsEventSource, Settings};
use crate::barrier;
use crate::connection::{Connection, ConnectionConfig};
use crate::subject::Subjects;
use crate::{NatsConnection, NatsOptions, SetupError, SetupErrorKind};

/// Timeout for the client to accept the subscription.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

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
    connection: ConnectionConfig,
    prefix: Option<String>,
    queue_group: Option<String>,
    settings: Settings,
}

impl NatsEventSourceBuilder {
    pub(super) fn new() -> Self {
        Self {
            connection: ConnectionConfig::Missing,
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

    /// Connects with these options. The source owns the connection.
    pub fn options(mut self, options: NatsOptions) -> Self {
        self.connection = ConnectionConfig::Options(options);
        self
    }

    /// Uses a shared connection.
    pub fn connection(mut self, connection: NatsConnection) -> Self {
        self.connection = ConnectionConfig::Shared(connection);
        self
    }

    /// Uses an existing client. The source then does not see rejected credentials and subscriptions.
    pub fn client(mut self, client: Client) -> Self {
        self.connection = ConnectionConfig::Client(client);
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
    /// [`Invalid`](SetupErrorKind::Invalid) if the prefix or queue group is invalid, or no connection is set;
    /// [`Unauthorized`](SetupErrorKind::Unauthorized) if the subscription is not permitted;
    /// [`Unreachable`](SetupErrorKind::Unreachable) if the client does not accept the subscription in time; and the errors of
    /// [`NatsOptions::connect`].
    pub async fn build(self) -> Result<NatsEventSource, SetupError> {
        let mut settings = self.settings;
        if let Some(prefix) = &self.prefix {
            settings.subjects = Subjects::under(prefix)?;
        }
        let is_group =
            |group: &String| !group.is_empty() && !group.contains(|c: char| c.is_whitespace() || c.is_control());
        if let Some(group) = self.queue_group.as_ref().filter(|group| !is_group(group)) {
            return Err(SetupError::invalid(format!(
                "invalid queue group `{group}`: it must not be empty or contain white space"
            )));
        }
        let connection = self.connection.connect().await?;
        let wildcard = settings.subjects.wildcard();
        let deadline = Instant::now() + SUBSCRIBE_TIMEOUT;
        let subscriber = subscribe(&connection, &wildcard, self.queue_group, deadline).await?;
        if connection.is_connected() {
            // Without a confirmation the subscription has still been sent.
            let deadline = Instant::now() + CONFIRM_TIMEOUT;
            let _ = barrier::wait(&connection, barrier::DEFAULT_SUBJECT, connection.epoch(), deadline).await;
        }
        let is_wildcard = |refused: &str| refused == wildcard;
        if connection
            .state()
            .is_some_and(|state| state.is_subscribe_denied(is_wildcard))
        {
            let message = format!("no permission to subscribe to `{wildcard}`: grant it");
            return Err(SetupError::new(SetupErrorKind::Unauthorized, message));
        }
        Ok(NatsEventSource::with_subscriber(connection, subscriber, settings))
    }
}

async fn subscribe(
    connection: &Connection,
    wildcard: &str,
    queue_group: Option<String>,
    deadline: Instant,
) -> Result<Subscriber, SetupError> {
    let client = connection.client();
    let wildcard = wildcard.to_owned();
    let subscribe = async {
        match queue_group {
            Some(group) => client.queue_subscribe(wildcard, group).await,
            None => client.subscribe(wildcard).await,
        }
    };
    let unreachable = |message: &str| SetupError::new(SetupErrorKind::Unreachable, message);
    match timeout_at(deadline, subscribe).await {
        Ok(Ok(subscriber)) => Ok(subscriber),
        Ok(Err(error)) => Err(unreachable("the connection to NATS is closed").with_source(error)),
        Err(elapsed) => {
            Err(unreachable("the queue of the client is full: the connection to NATS is down").with_source(elapsed))
        }
    }
}

use std::time::Duration;

use async_nats::Client;
use driver_events_core::SetupError;

use super::sink::{NatsEventSink, Settings};
use crate::connection::{ConnectionSource, NatsConnection, NatsOptions};
use crate::timeouts::check_timeout;
use crate::wire::{Subjects, is_publishable};

/// Builder of a [`NatsEventSink`]. [`build`](Self::build) checks all settings.
///
/// # Examples
/// ```no_run
/// use driver_events_nats::{NatsEventSink, NatsOptions};
///
/// # async fn example() -> Result<(), driver_events_nats::SetupError> {
/// let sink = NatsEventSink::builder()
///     .options(NatsOptions::new("nats://127.0.0.1:4222").token("…"))
///     .prefix("tenant-7")
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NatsEventSinkBuilder {
    connection: ConnectionSource,
    prefix: Option<String>,
    settings: Settings,
}

impl NatsEventSink {
    /// Creates a builder, with settings for the connection, the prefix, the headers and the timeouts.
    pub fn builder() -> NatsEventSinkBuilder {
        NatsEventSinkBuilder {
            connection: ConnectionSource::Missing,
            prefix: None,
            settings: Settings::default(),
        }
    }
}

impl NatsEventSinkBuilder {
    /// Connects with these options. The sink owns the connection, and `close` closes it.
    pub fn options(mut self, options: NatsOptions) -> Self {
        self.connection = ConnectionSource::Options(options);
        self
    }

    /// Uses a shared connection. `close` leaves it open.
    pub fn connection(mut self, connection: NatsConnection) -> Self {
        self.connection = ConnectionSource::Shared(connection);
        self
    }

    /// Uses an existing client. `close` leaves it open, and the sink does not see
    /// [rejected events and credentials](NatsEventSink#permissions-and-credentials).
    pub fn client(mut self, client: Client) -> Self {
        self.connection = ConnectionSource::Client(client);
        self
    }

    /// Sets a prefix of all subjects: `tenant-7.agent.driver.escalate`. Readers must use the same prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Publishes without headers. Faster, but readers get no id and no sequence, and cannot detect duplicates or gaps.
    pub fn bare(mut self) -> Self {
        self.settings.has_headers = false;
        self
    }

    /// Sets the subject of the requests by which `flush` confirms delivery. The client needs permission to publish to it,
    /// and it must have no responders. Default: `_driver_events.barrier`.
    pub fn barrier_subject(mut self, subject: impl Into<String>) -> Self {
        self.settings.barrier_subject = subject.into();
        self
    }

    /// Sets how long `send` waits while the queue of the client is full. Default: 5 seconds.
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.settings.send_timeout = timeout;
        self
    }

    /// Sets the timeout of `flush` and of `close`. Default: 10 seconds.
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.settings.flush_timeout = timeout;
        self
    }

    /// Checks the settings, and connects if [`options`](Self::options) are set.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid) if the prefix or barrier subject is invalid, the flush timeout is below 1 ms
    /// or above 365 days, or no connection is set; and the errors of [`NatsOptions::connect`].
    pub async fn build(self) -> Result<NatsEventSink, SetupError> {
        let mut settings = self.settings;
        settings.subjects = Subjects::below(self.prefix.as_deref())?;
        let subject = &settings.barrier_subject;
        if !is_publishable(subject) || settings.subjects.strip(subject).is_some() {
            let message =
                format!("invalid barrier subject `{subject}`: it must be publishable and not below `agent.driver.`");
            return Err(SetupError::invalid(message));
        }
        check_timeout("flush timeout", settings.flush_timeout)?;
        Ok(NatsEventSink::with_settings(self.connection.connect().await?, settings))
    }
}

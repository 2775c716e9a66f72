use std::time::Duration;

use async_nats::Client;

use super::NatsEventSink;
use super::sink::Settings;
use crate::barrier;
use crate::connection::ConnectionConfig;
use crate::subject::{Subjects, is_publishable};
use crate::{NatsConnection, NatsOptions, SetupError};

/// Makes a [`NatsEventSink`]. Nothing is checked before [`build`](Self::build).
///
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
    connection: ConnectionConfig,
    prefix: Option<String>,
    settings: Settings,
}

impl NatsEventSinkBuilder {
    pub(super) fn new() -> Self {
        Self {
            connection: ConnectionConfig::Missing,
            prefix: None,
            settings: Settings::default(),
        }
    }

    /// Makes a connection with these options, which ends with the sink.
    pub fn options(mut self, options: NatsOptions) -> Self {
        self.connection = ConnectionConfig::Options(options);
        self
    }

    /// Uses a connection that others use too. `close` leaves it open.
    pub fn connection(mut self, connection: NatsConnection) -> Self {
        self.connection = ConnectionConfig::Shared(connection);
        self
    }

    /// Uses a client that the caller made. `close` leaves it open, and
    /// [some errors are not seen](NatsEventSink#what-only-the-clients-callback-is-told).
    pub fn client(mut self, client: Client) -> Self {
        self.connection = ConnectionConfig::Client(client);
        self
    }

    /// Publishes below this prefix: `tenant-7.agent.driver.escalate`. Readers give the same prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sends the bare JSON, without headers: faster, but readers get neither id nor sequence, and see neither
    /// duplicates nor gaps.
    pub fn bare(mut self) -> Self {
        self.settings.has_headers = false;
        self
    }

    /// The subject by which `flush` learns that the server has all: permitted to this client, and served by nobody.
    /// Begins as `_driver_events.barrier`.
    pub fn barrier_subject(mut self, subject: impl Into<String>) -> Self {
        self.settings.barrier_subject = subject.into();
        self
    }

    /// How long `send` waits for room while the link is slow or down. Begins as 5 seconds.
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.settings.send_timeout = timeout;
        self
    }

    /// How long `flush` and `close` may take. Begins as 10 seconds.
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.settings.flush_timeout = timeout;
        self
    }

    /// Checks the settings, and connects where [`options`](Self::options) were given.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid) for a prefix or a barrier subject that cannot be published to, and
    /// where nothing to connect with was given; else as [`NatsOptions::connect`].
    pub async fn build(self) -> Result<NatsEventSink, SetupError> {
        let mut settings = self.settings;
        if let Some(prefix) = &self.prefix {
            settings.subjects = Subjects::under(prefix)?;
        }
        let subject = &settings.barrier_subject;
        if !is_publishable(subject) || settings.subjects.strip(subject).is_some() {
            let message =
                format!("the barrier subject {subject:?} must be one that can be published to and has no events");
            return Err(SetupError::invalid(message));
        }
        Ok(NatsEventSink::with_settings(self.connection.connect().await?, settings))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            subjects: Subjects::bare(),
            has_headers: true,
            barrier_subject: barrier::DEFAULT_SUBJECT.to_owned(),
            send_timeout: Duration::from_secs(5),
            flush_timeout: Duration::from_secs(10),
        }
    }
}

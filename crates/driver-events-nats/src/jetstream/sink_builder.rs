use std::time::Duration;

use async_nats::Client;
use tokio::sync::Mutex;

use super::JetStreamEventSink;
use super::api::Api;
use super::atomic_batch::AtomicPublish;
use super::pending_acks::PendingAcks;
use super::publisher::{PublishSettings, Publisher};
use super::stream_check::{check, look_up};
use super::stream_settings::log_warnings;
use crate::connection::ConnectionConfig;
use crate::subject::Subjects;
use crate::{NatsConnection, NatsOptions, SetupError};

/// Builder of a [`JetStreamEventSink`]. All checks are made in [`build`](Self::build).
///
/// # Examples
/// ```no_run
/// use driver_events_nats::{JetStreamEventSink, NatsOptions};
///
/// # async fn example() -> Result<(), driver_events_nats::SetupError> {
/// let sink = JetStreamEventSink::builder("DRIVER")
///     .options(NatsOptions::new("nats://127.0.0.1:4222").token("…"))
///     .prefix("tenant-7")
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct JetStreamEventSinkBuilder {
    stream: String,
    connection: ConnectionConfig,
    domain: Option<String>,
    prefix: Option<String>,
    settings: PublishSettings,
}

impl JetStreamEventSinkBuilder {
    pub(super) fn new(stream: String) -> Self {
        Self {
            stream,
            connection: ConnectionConfig::Missing,
            domain: None,
            prefix: None,
            settings: PublishSettings {
                subjects: Subjects::bare(),
                has_headers: true,
                window: 1_024,
                ack_timeout: Duration::from_secs(5),
                retry_timeout: Duration::from_secs(30),
            },
        }
    }

    /// Opens a connection with these options, which the sink closes.
    pub fn options(mut self, options: NatsOptions) -> Self {
        self.connection = ConnectionConfig::Options(options);
        self
    }

    /// Uses a shared connection. `close` leaves it open.
    pub fn connection(mut self, connection: NatsConnection) -> Self {
        self.connection = ConnectionConfig::Shared(connection);
        self
    }

    /// Uses the caller's client. `close` leaves it open, and
    /// [some errors are not reported](JetStreamEventSink::new).
    pub fn client(mut self, client: Client) -> Self {
        self.connection = ConnectionConfig::Client(client);
        self
    }

    /// Sets the JetStream domain. Default: none.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets the subject prefix, which readers set, too: `tenant-7` publishes on `tenant-7.agent.driver.…`. Default: none.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Publishes bare JSON without headers, except `Nats-Msg-Id`, which the stream needs to detect duplicates. Readers get
    /// the id, but no sequence, and cannot detect gaps.
    pub fn bare(mut self) -> Self {
        self.settings.has_headers = false;
        self
    }

    /// Sets how many goals of a batch may have an event in flight. Default: 1,024, above which throughput does not grow.
    pub fn window(mut self, goals: usize) -> Self {
        self.settings.window = goals;
        self
    }

    /// Sets how long to wait for a pub ack before a retry. A lost connection is noticed at once. Default: 5 seconds.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.settings.ack_timeout = timeout;
        self
    }

    /// Sets how long an event is retried. It must be shorter than the stream's duplicate window. Default: 30 seconds.
    pub fn retry_timeout(mut self, timeout: Duration) -> Self {
        self.settings.retry_timeout = timeout;
        self
    }

    /// Connects if [`options`](Self::options) are set, and checks the stream. Settings that its operator should know about
    /// are [warnings](JetStreamEventSink::warnings), which are also logged.
    ///
    /// # Errors
    /// - [`NoStream`](crate::SetupErrorKind::NoStream): the stream does not exist.
    /// - [`UnfitStream`](crate::SetupErrorKind::UnfitStream): the stream does not capture the events, or its duplicate
    ///   window is not longer than the [retry timeout](Self::retry_timeout).
    /// - [`Invalid`](crate::SetupErrorKind::Invalid): an invalid name or prefix, or no client, connection or options.
    /// - [`Unauthorized`](crate::SetupErrorKind::Unauthorized): no permission for `$JS.API.STREAM.INFO.…`.
    /// - [`Unreachable`](crate::SetupErrorKind::Unreachable): no response from JetStream within seconds; retry.
    /// - Errors of [`NatsOptions::connect`].
    pub async fn build(self) -> Result<JetStreamEventSink, SetupError> {
        let mut settings = self.settings;
        if let Some(prefix) = &self.prefix {
            settings.subjects = Subjects::under(prefix)?;
        }
        if settings.window == 0 {
            return Err(SetupError::invalid("invalid window 0: use at least 1"));
        }
        let connection = self.connection.connect().await?;
        let api = Api::new(connection.clone(), self.domain.as_deref());
        let stream = look_up(&api, &self.stream).await?.config;
        let warnings = check(&stream, &settings.subjects, settings.retry_timeout)?;
        log_warnings(&stream.name, &warnings);
        let publisher = Publisher {
            acks: PendingAcks::subscribe(&connection).await?,
            connection,
            api,
            stream: self.stream.into(),
            settings,
            atomic: AtomicPublish::of_stream(&stream),
            stream_lookup: Mutex::default(),
        };
        Ok(JetStreamEventSink::with_publisher(
            publisher,
            stream.duplicate_window,
            warnings,
        ))
    }
}

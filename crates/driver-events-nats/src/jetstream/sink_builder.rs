use std::time::Duration;

use async_nats::Client;
use tokio::sync::Mutex;

use super::JetStreamEventSink;
use super::acks::Acks;
use super::api::Api;
use super::atomic::Atomic;
use super::publisher::{Publisher, Settings};
use super::stream_check::{check, look_up};
use super::stream_settings::tell;
use crate::connection::ConnectionConfig;
use crate::subject::Subjects;
use crate::{NatsConnection, NatsOptions, SetupError};

/// Makes a [`JetStreamEventSink`]. Nothing is checked before [`build`](Self::build).
///
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
    settings: Settings,
}

impl JetStreamEventSinkBuilder {
    pub(super) fn new(stream: String) -> Self {
        Self {
            stream,
            connection: ConnectionConfig::Missing,
            domain: None,
            prefix: None,
            settings: Settings {
                subjects: Subjects::bare(),
                has_headers: true,
                window: 1_024,
                ack_timeout: Duration::from_secs(5),
                retry_timeout: Duration::from_secs(30),
            },
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
    /// [some errors are not seen](JetStreamEventSink::new).
    pub fn client(mut self, client: Client) -> Self {
        self.connection = ConnectionConfig::Client(client);
        self
    }

    /// Looks the stream up in this JetStream domain.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Publishes below this prefix: `tenant-7.agent.driver.escalate`. Readers give the same prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sends the bare JSON, with no header but `Nats-Msg-Id`, by which the stream tells duplicates: readers get the id,
    /// and no sequence, and see no gaps.
    pub fn bare(mut self) -> Self {
        self.settings.has_headers = false;
        self
    }

    /// How many goals of a batch have an event under way at once. Begins as 1,024; more gains nothing.
    pub fn window(mut self, goals: usize) -> Self {
        self.settings.window = goals;
        self
    }

    /// How long the stream has to acknowledge an event before it is sent again. Begins as 5 seconds. A link that breaks
    /// is noticed at once, and not waited for.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.settings.ack_timeout = timeout;
        self
    }

    /// For how long an event is sent again and again. Begins as 30 seconds; it must be shorter than the stream's
    /// duplicate window.
    pub fn retry_timeout(mut self, timeout: Duration) -> Self {
        self.settings.retry_timeout = timeout;
        self
    }

    /// Connects where [`options`](Self::options) were given, and checks that the stream is fit for the sink. What its
    /// owner should know are [warnings](JetStreamEventSink::warnings), and events of `tracing` too.
    ///
    /// # Errors
    /// [`NoStream`](crate::SetupErrorKind::NoStream); [`UnfitStream`](crate::SetupErrorKind::UnfitStream) where the
    /// stream does not take the events, or has a duplicate window that is no longer than the
    /// [time for which the sink tries](Self::retry_timeout); [`Invalid`](crate::SetupErrorKind::Invalid) for a name or a
    /// prefix that is none, and where nothing to connect with was given;
    /// [`Unauthorized`](crate::SetupErrorKind::Unauthorized) where the stream may not be looked up
    /// (`$JS.API.STREAM.INFO.…`); [`Unreachable`](crate::SetupErrorKind::Unreachable) where JetStream does not answer
    /// within seconds; else as [`NatsOptions::connect`].
    pub async fn build(self) -> Result<JetStreamEventSink, SetupError> {
        let mut settings = self.settings;
        if let Some(prefix) = &self.prefix {
            settings.subjects = Subjects::under(prefix)?;
        }
        if settings.window == 0 {
            return Err(SetupError::invalid("the window must have room for one goal"));
        }
        let connection = self.connection.connect().await?;
        let api = Api::new(connection.clone(), self.domain.as_deref());
        let stream = look_up(&api, &self.stream).await?.config;
        let warnings = check(&stream, &settings.subjects, settings.retry_timeout)?;
        tell(&stream.name, &warnings);
        let publisher = Publisher {
            acks: Acks::subscribe(&connection).await?,
            connection,
            api,
            stream: self.stream.into(),
            settings,
            atomic: Atomic::of_stream(&stream),
            last_look: Mutex::default(),
        };
        Ok(JetStreamEventSink::with_publisher(
            publisher,
            stream.duplicate_window,
            warnings,
        ))
    }
}

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::Client;
use driver_events_core::SetupError;
use tokio::sync::OnceCell;

use super::pending_acks::PendingAcks;
use super::publisher::{PublishSettings, Publisher};
use super::sink::JetStreamEventSink;
use super::stream_check::StreamCheck;
use super::stream_lookup::StreamLookup;
use crate::connection::{ConnectionSource, NatsConnection, NatsOptions};
use crate::jetstream::api::Api;
use crate::jetstream::stream::check_name;
use crate::timeouts::check_timeout;
use crate::wire::Subjects;

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
    connection: ConnectionSource,
    domain: Option<String>,
    prefix: Option<String>,
    is_checked_later: bool,
    settings: PublishSettings,
}

impl JetStreamEventSink {
    /// Creates a sink on the caller's client, with headers and without a prefix.
    ///
    /// `close` leaves the client open. Rejected credentials and denied subjects are reported only to the client's own event
    /// callback; a sink on a [`NatsConnection`](JetStreamEventSinkBuilder::connection) returns them as errors.
    ///
    /// # Errors
    /// See [`JetStreamEventSinkBuilder::build`].
    pub async fn new(client: Client, stream: impl Into<String>) -> Result<Self, SetupError> {
        Self::builder(stream).client(client).build().await
    }

    /// Creates a builder, with settings for the connection, the prefix, the headers and the timeouts.
    pub fn builder(stream: impl Into<String>) -> JetStreamEventSinkBuilder {
        JetStreamEventSinkBuilder {
            stream: stream.into(),
            connection: ConnectionSource::Missing,
            domain: None,
            prefix: None,
            is_checked_later: false,
            settings: PublishSettings {
                subjects: Subjects::bare(),
                has_headers: true,
                window: 1_024,
                ack_timeout: Duration::from_secs(5),
                retry_timeout: Duration::from_secs(30),
            },
        }
    }
}

impl JetStreamEventSinkBuilder {
    /// Opens a connection with these options, which the sink closes.
    pub fn options(mut self, options: NatsOptions) -> Self {
        self.connection = ConnectionSource::Options(options);
        self
    }

    /// Uses a shared connection. `close` leaves it open.
    pub fn connection(mut self, connection: NatsConnection) -> Self {
        self.connection = ConnectionSource::Shared(connection);
        self
    }

    /// Uses the caller's client. `close` leaves it open, and
    /// [some errors are not reported](JetStreamEventSink::new).
    pub fn client(mut self, client: Client) -> Self {
        self.connection = ConnectionSource::Client(client);
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

    /// Makes [`build`](Self::build) return without waiting for the server, so that a driver starts while NATS is down or
    /// before the stream exists. The first `send` checks the stream, within the [retry timeout](Self::retry_timeout). If the
    /// stream is missing or does not fit, it returns a retryable error, and the next `send` checks again.
    /// [Options](Self::options) then [connect in the background](NatsOptions::connect_in_background), and options that do
    /// so imply `check_later`.
    pub fn check_later(mut self) -> Self {
        self.is_checked_later = true;
        self
    }

    /// Connects if [`options`](Self::options) are set, and checks the stream, unless [`check_later`](Self::check_later) is
    /// set. Settings that its operator should know about are [warnings](JetStreamEventSink::warnings), which are also
    /// logged.
    ///
    /// # Errors
    /// - [`NotFound`](crate::SetupErrorKind::NotFound): the stream does not exist.
    /// - [`Incompatible`](crate::SetupErrorKind::Incompatible): the stream does not capture the events, or its duplicate
    ///   window is not longer than the [retry timeout](Self::retry_timeout).
    /// - [`Invalid`](crate::SetupErrorKind::Invalid): an invalid name, prefix or window, a timeout below 1 ms or above 365 days,
    ///   or no client, connection or options.
    /// - [`Unauthorized`](crate::SetupErrorKind::Unauthorized): no permission for `$JS.API.STREAM.INFO.…`.
    /// - [`Unreachable`](crate::SetupErrorKind::Unreachable): no response from JetStream within seconds, or a limit is reached; retry.
    /// - Errors of [`NatsOptions::connect`].
    pub async fn build(mut self) -> Result<JetStreamEventSink, SetupError> {
        let mut settings = self.settings;
        settings.subjects = Subjects::below(self.prefix.as_deref())?;
        if settings.window == 0 {
            return Err(SetupError::invalid("invalid window 0: use at least 1"));
        }
        check_timeout("ack timeout", settings.ack_timeout)?;
        check_timeout("retry timeout", settings.retry_timeout)?;
        check_name(&self.stream)?;
        if self.is_checked_later {
            self.connection.set_in_background();
        }
        let is_checked_later = self.is_checked_later || self.connection.is_in_background();
        let connection = self.connection.connect().await?;
        let api = Api::new(connection.clone(), self.domain.as_deref());
        let stream: Arc<str> = self.stream.into();
        let check = StreamCheck {
            api: api.clone(),
            stream: Arc::clone(&stream),
            subjects: settings.subjects.clone(),
            retry_timeout: settings.retry_timeout,
            checked: OnceCell::new(),
            last_failure: Mutex::default(),
        };
        if !is_checked_later {
            check.run().await?;
        }
        Ok(JetStreamEventSink::with_publisher(Publisher {
            acks: PendingAcks::subscribe(&connection).await?,
            connection,
            check,
            lookup: StreamLookup::new(api, Arc::clone(&stream)),
            stream,
            settings,
        }))
    }
}

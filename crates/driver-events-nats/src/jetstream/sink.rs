use std::fmt;
use std::time::Duration;

use async_nats::Client;
use async_trait::async_trait;
use driver_events_core::{DriverEventSink, Envelope, Guarantee, Receipt, SinkError, SinkErrorKind};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::patience::Patience;
use super::publisher::Publisher;
use super::{JetStreamEventSinkBuilder, StreamWarning};
use crate::close_guard::CloseGuard;
use crate::{NatsConnection, SetupError};

/// Publishes every event on its subject, and waits until a stream has stored it.
///
/// # What is promised
/// `Ok` is [`Stored`](Receipt::Stored): the stream has the event, on as many servers as it has replicas; the receipt has
/// its sequence. Nothing is held back, so that [`flush`](DriverEventSink::flush) has nothing to do.
///
/// An event that is not acknowledged is sent again, with the same id, for as long as the sink
/// [may try](JetStreamEventSinkBuilder::retry_timeout): after a link broke, a server died, a cluster elected a leader.
/// The stream keeps the first copy, and the receipt of another is a `duplicate`, which is success. That holds within the
/// stream's duplicate window, which must be longer than the sink tries. A caller who tries again after an error sends
/// the same envelope within what is left of the window.
///
/// # Order
/// [`send_batch`](DriverEventSink::send_batch) has many goals under way at once, but of each goal one event at a time, so
/// that none overtakes another that has to be sent again. Where few goals have many events, they are sent as atomic
/// batches, if the stream allows them ([`ensure_stream`](crate::ensure_stream) lets it; servers from 2.12 on): in order,
/// all or none; from the first such batch on that fails, one by one. Such a message has headers of the server's,
/// `Nats-Batch-Id` among them.
///
/// Where an event of a goal fails with an error that [may pass](SinkError::is_retryable), those that follow it in the
/// batch are not tried, and have an error of the same kind: who sends again what failed keeps the order.
///
/// # Errors
/// Beside what every sink does:
/// - [`Full`](SinkErrorKind::Full): the stream has reached a limit, with `discard: new`; or the account, or the server.
///   It is not tried again.
/// - [`Fatal`](SinkErrorKind::Fatal): the stream was deleted, or is sealed, or another stream takes the events now.
/// - [`Timeout`](SinkErrorKind::Timeout), [`Disconnected`](SinkErrorKind::Disconnected): it was tried for as long as it
///   may be. An event whose permission is missing looks so too where [the caller made the client](Self::new).
/// - [`TooLarge`](SinkErrorKind::TooLarge): larger than the server's `max_payload`, or than the stream takes.
///
/// # What every method does in time
/// `send` returns within the time that the sink tries, and two seconds; `send_batch` within as much after the stream last
/// took an event. All are cancel safe: an event whose `send` was dropped is stored or not, and may be sent again.
///
/// ```no_run
/// use driver_events_core::DriverEventSink;
/// use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = async_nats::connect("nats://127.0.0.1:4222").await?;
/// ensure_stream(&client, &StreamSettings::new("DRIVER")).await?;
/// let sink = JetStreamEventSink::new(client, "DRIVER").await?;
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// # Ok(())
/// # }
/// ```
pub struct JetStreamEventSink {
    publisher: Publisher,
    duplicate_window: Duration,
    warnings: Vec<StreamWarning>,
    close_guard: CloseGuard,
    /// Whether the connection was given back.
    closed: Mutex<bool>,
}

impl JetStreamEventSink {
    /// Publishes to a stream by a client that the caller made, with headers, and without a prefix.
    ///
    /// The client stays the caller's: `close` waits for what is under way, refuses what comes afterwards, and leaves the
    /// client open. What only a client's callback is told, that the server refuses the credentials or a subject, is not
    /// seen; a [connection](JetStreamEventSinkBuilder::connection) sees it.
    ///
    /// # Errors
    /// As [`JetStreamEventSinkBuilder::build`].
    pub async fn new(client: Client, stream: impl Into<String>) -> Result<Self, SetupError> {
        Self::builder(stream).client(client).build().await
    }

    /// Sets what [`new`](Self::new) does not: a connection of the sink's own, a prefix, no headers, time limits.
    pub fn builder(stream: impl Into<String>) -> JetStreamEventSinkBuilder {
        JetStreamEventSinkBuilder::new(stream.into())
    }

    pub(super) fn with_publisher(
        publisher: Publisher,
        duplicate_window: Duration,
        warnings: Vec<StreamWarning>,
    ) -> Self {
        Self {
            publisher,
            duplicate_window,
            warnings,
            close_guard: CloseGuard::default(),
            closed: Mutex::default(),
        }
    }

    /// The connection and how it is doing; none where the caller made the client.
    #[must_use]
    pub fn connection(&self) -> Option<&NatsConnection> {
        self.publisher.connection.nats_connection()
    }

    /// The name of the stream.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.publisher.stream
    }

    /// For how long the stream knows an event again, as it was when the sink was made: what is sent again later may be
    /// stored twice.
    #[must_use]
    pub fn duplicate_window(&self) -> Duration {
        self.duplicate_window
    }

    /// What the owner of the stream should know about it, as it was when the sink was made.
    #[must_use]
    pub fn warnings(&self) -> &[StreamWarning] {
        &self.warnings
    }
}

#[async_trait]
impl DriverEventSink for JetStreamEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let _call = self.close_guard.enter()?;
        let event = self.publisher.prepare(envelope)?;
        let patience = Patience::new(self.publisher.settings.retry_timeout);
        self.publisher.store(&event, &patience).await.map(Receipt::Stored)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Stored
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let Ok(_call) = self.close_guard.enter() else {
            let closed = || Err(SinkError::new(SinkErrorKind::Closed, "the sink is closed"));
            return envelopes.iter().map(|_| closed()).collect();
        };
        self.publisher.store_all(envelopes).await
    }

    async fn flush(&self) -> Result<(), SinkError> {
        // What was accepted is stored.
        Ok(())
    }

    async fn close(&self) -> Result<(), SinkError> {
        let deadline = Instant::now() + self.publisher.settings.retry_timeout;
        self.close_guard.close();
        let late =
            |what: &'static str| move |elapsed| SinkError::new(SinkErrorKind::Timeout, what).with_source(elapsed);
        let mut closed = timeout_at(deadline, self.closed.lock())
            .await
            .map_err(late("another call of close took all of the time"))?;
        if *closed {
            return Ok(());
        }
        timeout_at(deadline, self.close_guard.drained())
            .await
            .map_err(late("events are still being sent"))?;
        if let Some(connection) = self.publisher.connection.owned() {
            let patience = deadline.saturating_duration_since(Instant::now());
            connection.close(patience).await?;
        }
        *closed = true;
        Ok(())
    }
}

impl fmt::Debug for JetStreamEventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamEventSink")
            .field("stream", &self.publisher.stream)
            .field("subjects", &self.publisher.settings.subjects.wildcard())
            .field("connection", &self.connection())
            .finish_non_exhaustive()
    }
}

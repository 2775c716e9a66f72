use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{CloseGuard, DriverEventSink, Envelope, Guarantee, Receipt, SinkError, SinkErrorKind};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::publisher::Publisher;
use super::retry_deadline::RetryDeadline;
use crate::connection::NatsConnection;
use crate::jetstream::stream::StreamWarning;

/// Publishes events on their subjects and waits for the stream's pub acks.
///
/// # Guarantees
/// `Ok` is [`Stored`](Receipt::Stored): the stream has the event, on as many servers as it has replicas; the receipt has the
/// stream sequence. The sink buffers nothing, so [`flush`](DriverEventSink::flush) has nothing to do.
///
/// The sink retries an event without an ack, with the same id, until the
/// [retry timeout](crate::JetStreamEventSinkBuilder::retry_timeout): after a lost connection, a server crash, a leader election.
/// The stream stores the first copy only; the receipt of another copy is a `duplicate`, which is success. This holds
/// within the stream's duplicate window, which must be longer than the retry timeout. A caller may retry the same envelope
/// after an error, within the rest of the window.
///
/// # Order
/// [`send_batch`](DriverEventSink::send_batch) has events of many goals in flight, but one event of each goal at a time,
/// so that no event overtakes one that is retried. If few goals have many events, the sink publishes atomic batches, in
/// order and all or nothing, provided that the stream allows them ([`ensure_stream`](crate::ensure_stream) sets that;
/// servers from 2.12). From the first atomic batch that fails, it publishes one by one. Messages of an atomic batch have
/// additional headers of the server, such as `Nats-Batch-Id`.
///
/// If an event fails with a [retryable error](SinkError::is_retryable), the sink does not send the later events of its
/// goal in the batch; they fail with the same kind. A caller that resends all failed events in order keeps the order.
///
/// # Errors
/// In addition to the errors of every sink:
/// - [`Full`](SinkErrorKind::Full): the stream has reached a limit with `discard: new`, or the account or the server has.
///   The sink does not retry it.
/// - [`Fatal`](SinkErrorKind::Fatal): the stream was sealed, or another stream captures the subjects now.
/// - [`Disconnected`](SinkErrorKind::Disconnected): no ack within the retry timeout; or the stream was deleted, or it is
///   missing or does not fit at the [first check](crate::JetStreamEventSinkBuilder::check_later). Sending resumes once that is
///   corrected.
/// - [`Timeout`](SinkErrorKind::Timeout): no ack within the retry timeout. With a [client of the caller](Self::new), a
///   missing permission looks the same.
/// - [`TooLarge`](SinkErrorKind::TooLarge): larger than the server's `max_payload`, the stream's `max_msg_size`, or 64 KiB of headers.
///
/// # Timeouts and cancel safety
/// `send` returns within the retry timeout plus two seconds, and `send_batch` within that time after the stream last stored
/// an event. Until the stream was checked, a call may take the retry timeout longer. All methods are cancel safe: an event whose `send` was dropped may be stored, and may be sent again.
///
/// # Examples
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
/// sink.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct JetStreamEventSink {
    publisher: Publisher,
    close_guard: CloseGuard,
    /// Whether `close` has succeeded.
    closed: Mutex<bool>,
}

impl JetStreamEventSink {
    pub(super) fn with_publisher(publisher: Publisher) -> Self {
        Self {
            publisher,
            close_guard: CloseGuard::default(),
            closed: Mutex::default(),
        }
    }

    /// Returns the connection and its state; `None` if the caller created the client.
    #[must_use]
    pub fn connection(&self) -> Option<&NatsConnection> {
        self.publisher.connection.monitored()
    }

    /// Returns the name of the stream.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.publisher.stream
    }

    /// Returns how long the sink retries an event.
    #[must_use]
    pub fn retry_timeout(&self) -> Duration {
        self.publisher.settings.retry_timeout
    }

    /// Returns the stream's duplicate window when the stream was checked; `None` if it
    /// [was not yet](crate::JetStreamEventSinkBuilder::check_later). An event that is sent again later may be stored twice.
    #[must_use]
    pub fn duplicate_window(&self) -> Option<Duration> {
        self.publisher.check.checked().map(|stream| stream.duplicate_window)
    }

    /// Returns the stream settings that its operator should know about, as they were when the stream was checked. Empty if
    /// it [was not yet](crate::JetStreamEventSinkBuilder::check_later).
    #[must_use]
    pub fn warnings(&self) -> &[StreamWarning] {
        let stream = self.publisher.check.checked();
        stream.map_or(&[], |stream| &stream.warnings)
    }
}

#[async_trait]
impl DriverEventSink for JetStreamEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let _call = self.close_guard.enter()?;
        let event = self.publisher.prepare(envelope)?;
        self.publisher.check_stream().await?;
        let deadline = RetryDeadline::new(self.publisher.settings.retry_timeout);
        self.publisher.publish(&event, &deadline).await.map(Receipt::Stored)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Stored
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let Ok(_call) = self.close_guard.enter() else {
            let closed = || Err(SinkError::new(SinkErrorKind::Closed, "the sink is closed"));
            return envelopes.iter().map(|_| closed()).collect();
        };
        self.publisher.publish_all(envelopes).await
    }

    async fn flush(&self) -> Result<(), SinkError> {
        // Every event with a receipt is stored.
        Ok(())
    }

    async fn close(&self) -> Result<(), SinkError> {
        let deadline = Instant::now() + self.publisher.settings.retry_timeout;
        self.close_guard.close();
        let timed_out =
            |message: &'static str| move |elapsed| SinkError::new(SinkErrorKind::Timeout, message).with_source(elapsed);
        let mut closed = timeout_at(deadline, self.closed.lock())
            .await
            .map_err(timed_out("another `close` is still running"))?;
        if *closed {
            return Ok(());
        }
        timeout_at(deadline, self.close_guard.drained())
            .await
            .map_err(timed_out("events are still in flight"))?;
        if let Some(connection) = self.publisher.connection.owned() {
            let remaining = deadline.saturating_duration_since(Instant::now());
            connection.close(remaining).await?;
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

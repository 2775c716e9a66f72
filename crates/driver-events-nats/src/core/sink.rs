use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_nats::{Client, PublishError};
use async_trait::async_trait;
use driver_events_core::{
    CloseGuard, DriverEventSink, Envelope, FailedGoals, Fate, Guarantee, Receipt, SinkError, SinkErrorKind,
};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use super::pluralize::pluralize;
use super::unflushed::Unflushed;
use crate::connection::{DEFAULT_BARRIER_SUBJECT, NatsConnection};
use crate::wire::{Subjects, headers};

/// Number of yields before a call that waits for queue capacity starts a timer.
const YIELDS_BEFORE_TIMER: usize = 4;

/// Publishes every event on its subject over core NATS, at most once, to current subscribers.
///
/// # Guarantee
/// `Ok` of [`send`](DriverEventSink::send) is [`Buffered`](Receipt::Buffered): the event is in the queue of the client, which
/// sends it without confirmation. While disconnected, or if the connection is slow, the client queues up to
/// [`queue_capacity`](crate::NatsOptions::queue_capacity) events. `send` then waits for queue capacity, and returns
/// `Disconnected` or `Full` after its [timeout](crate::NatsEventSinkBuilder::send_timeout).
///
/// `Ok` of [`flush`](DriverEventSink::flush) means that the server has parsed all earlier events. After a reconnect, the
/// events sent and not flushed before it are at risk, and so are events that were queued meanwhile, since the two cannot
/// be distinguished: `flush` returns `Disconnected` once, with the number of events at risk. Some of them may arrive late,
/// after events of the new connection, since the server may still read the old one. The sink does not resend them. To
/// resend, keep the envelopes until the flush, or use [`JetStreamEventSink`](crate::JetStreamEventSink).
///
/// [`close`](DriverEventSink::close) flushes, and then closes the connection if the sink owns it. Dropping a sink without
/// `close` loses the events in the queue of the client.
///
/// # Permissions and credentials
/// The server reports rejected credentials and rejected subjects to the event callback of the client. The sink sees them
/// only on a connection created by [`NatsOptions`](crate::NatsOptions): calls then return `Unauthorized`, `flush` and
/// `close` at the latest. With a client supplied by the caller ([`new`](Self::new)), rejected events disappear, and
/// rejected credentials look like a lost connection.
///
/// # Cancel safety
/// All methods are cancel safe. An event whose `send` was dropped may or may not be published. `send` returns within its
/// timeout, `flush` and `close` within [theirs](crate::NatsEventSinkBuilder::flush_timeout).
///
/// # Examples
/// ```no_run
/// use driver_events_core::DriverEventSink;
/// use driver_events_nats::NatsEventSink;
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = async_nats::connect("nats://127.0.0.1:4222").await?;
/// let sink = NatsEventSink::new(client);
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// sink.flush().await?;
/// # Ok(())
/// # }
/// ```
pub struct NatsEventSink {
    connection: NatsConnection,
    settings: Settings,
    close_guard: CloseGuard,
    unflushed: Unflushed,
    /// Serialises barriers.
    flushing: Mutex<()>,
    closing: Mutex<Closing>,
    /// Number of rejected events already reported.
    reported_violations: AtomicU64,
}

/// Progress of `close`.
#[derive(Debug, Default)]
struct Closing {
    /// Error of the last flush, kept until a call returns it: a call may be dropped before.
    failure: Option<SinkError>,
    is_closed: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) subjects: Subjects,
    pub(super) has_headers: bool,
    pub(super) barrier_subject: String,
    pub(super) send_timeout: Duration,
    pub(super) flush_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            subjects: Subjects::bare(),
            has_headers: true,
            barrier_subject: DEFAULT_BARRIER_SUBJECT.to_owned(),
            send_timeout: Duration::from_secs(5),
            flush_timeout: Duration::from_secs(10),
        }
    }
}

impl NatsEventSink {
    /// Creates a sink over an existing client, with headers and without a prefix.
    ///
    /// The caller owns the client: `close` flushes and leaves it open.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self::with_settings(NatsConnection::of_client(client), Settings::default())
    }

    pub(super) fn with_settings(connection: NatsConnection, settings: Settings) -> Self {
        Self {
            connection,
            settings,
            close_guard: CloseGuard::default(),
            unflushed: Unflushed::default(),
            flushing: Mutex::default(),
            closing: Mutex::default(),
            reported_violations: AtomicU64::default(),
        }
    }

    /// Returns the connection and its state, or `None` if the caller supplied the client.
    #[must_use]
    pub fn connection(&self) -> Option<&NatsConnection> {
        self.connection.monitored()
    }

    async fn send_within(&self, envelope: &Envelope, timeout_left: Duration) -> Result<Receipt, SinkError> {
        let _call = self.close_guard.enter()?;
        let subject = self.settings.subjects.of(envelope)?;
        let payload = envelope.to_bytes()?;
        let headers = self
            .settings
            .has_headers
            .then(|| headers::write(envelope, self.settings.subjects.prefix()))
            .transpose()?;
        if let Some(refusal) = self.connection.refused_publish(&subject) {
            return Err(refusal.into());
        }
        let current = self.connection.current();
        // Read before the client accepts the event, which may be sent and lost with the connection at once.
        let epoch = current.epoch();
        let client = current.client();
        match headers {
            Some(headers) => {
                let publish = pin!(client.publish_with_headers(subject, headers, payload));
                self.publish_within(publish, timeout_left).await?;
            }
            None => {
                let publish = pin!(client.publish(subject, payload));
                self.publish_within(publish, timeout_left).await?;
            }
        }
        self.unflushed.record(epoch);
        Ok(Receipt::Buffered)
    }

    /// Passes the event to the client, and waits while its queue is full.
    async fn publish_within(
        &self,
        mut publish: Pin<&mut (impl Future<Output = Result<(), PublishError>> + Send)>,
        timeout_left: Duration,
    ) -> Result<(), SinkError> {
        let polled = poll_fn(|context| Poll::Ready(publish.as_mut().poll(context))).await;
        let published = match polled {
            Poll::Ready(published) => published,
            // In an allocation of its own, which the usual case does without.
            Poll::Pending => Box::pin(self.wait_for_capacity(publish, timeout_left)).await?,
        };
        published.map_err(|error| self.connection.publish_error(error))
    }

    async fn wait_for_capacity(
        &self,
        mut publish: Pin<&mut (impl Future<Output = Result<(), PublishError>> + Send)>,
        timeout_left: Duration,
    ) -> Result<Result<(), PublishError>, SinkError> {
        // A timer costs more than the rest, and a full queue usually has capacity after a few yields.
        for _ in 0..YIELDS_BEFORE_TIMER {
            tokio::task::yield_now().await;
            let polled = poll_fn(|context| Poll::Ready(publish.as_mut().poll(context))).await;
            if let Poll::Ready(published) = polled {
                return Ok(published);
            }
        }
        timeout(timeout_left, publish)
            .await
            .map_err(|_| self.queue_full_error())
    }

    fn queue_full_error(&self) -> SinkError {
        if let Some(refusal) = self.connection.refused_credentials() {
            return refusal.into();
        }
        let (kind, message) = if self.connection.is_connected() {
            (
                SinkErrorKind::Full,
                "the queue of the client is full: the connection to NATS is too slow",
            )
        } else {
            (
                SinkErrorKind::Disconnected,
                "the queue of the client is full: the connection to NATS is down",
            )
        };
        SinkError::new(kind, message).with_fate(Fate::NotSent)
    }

    async fn flush_until(&self, deadline: Instant) -> Result<(), SinkError> {
        let reported = self.unflushed.reported();
        {
            let _guard = timeout_at(deadline, self.flushing.lock()).await.map_err(|elapsed| {
                SinkError::new(SinkErrorKind::Timeout, "timed out behind another flush").with_source(elapsed)
            })?;
            if let Some(interval) = self.unflushed.interval() {
                let subject = &self.settings.barrier_subject;
                let epoch = self.connection.barrier(subject, interval.epoch, deadline).await?;
                self.unflushed.confirm(interval, epoch);
            }
        }
        let rejected = self.check_rejected_events();
        // A concurrent flush may have reported events of this caller meanwhile: they count for both.
        let at_risk = self.unflushed.reported() - reported;
        if at_risk == 0 {
            return rejected;
        }
        let at_risk = pluralize(at_risk, "event");
        let lost = format!("the connection to NATS was lost: {at_risk} at risk");
        Err(match rejected {
            Ok(()) => SinkError::new(SinkErrorKind::Disconnected, lost),
            Err(error) => SinkError::new(error.kind(), format!("{lost}; {error}")).with_fate(Fate::Unknown),
        })
    }

    /// Returns an error for rejected events that were not reported before.
    fn check_rejected_events(&self) -> Result<(), SinkError> {
        let subjects = &self.settings.subjects;
        let (rejected, subject) = self
            .connection
            .denied_messages(|subject| subjects.strip(subject).is_some());
        let reported = self.reported_violations.swap(rejected, Ordering::AcqRel);
        match (rejected.saturating_sub(reported), subject) {
            (0, _) | (_, None) => Ok(()),
            (events, Some(subject)) => {
                let events = pluralize(events, "event");
                let message = format!(
                    "the server rejected at least {events}, for example on `{subject}`: grant permission to publish"
                );
                Err(SinkError::new(SinkErrorKind::Unauthorized, message))
            }
        }
    }
}

#[async_trait]
impl DriverEventSink for NatsEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.send_within(&envelope, self.settings.send_timeout).await
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Buffered
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut failed = FailedGoals::default();
        let mut results = Vec::with_capacity(envelopes.len());
        let mut timeout_left = self.settings.send_timeout;
        for envelope in envelopes {
            let goal_id = envelope.goal_id();
            if let Err(error) = failed.check(goal_id) {
                results.push(Err(error));
                continue;
            }
            let result = self.send_within(&envelope, timeout_left).await;
            failed.record(goal_id, &result);
            // After one timeout the other events of the batch do not wait.
            timeout_left = match &result {
                Err(error) if error.is_retryable() => Duration::ZERO,
                _ => self.settings.send_timeout,
            };
            results.push(result);
        }
        results
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.flush_until(Instant::now() + self.settings.flush_timeout).await
    }

    async fn close(&self) -> Result<(), SinkError> {
        let deadline = Instant::now() + self.settings.flush_timeout;
        self.close_guard.close();
        let late =
            |what: &'static str| move |elapsed| SinkError::new(SinkErrorKind::Timeout, what).with_source(elapsed);
        let mut closing = timeout_at(deadline, self.closing.lock())
            .await
            .map_err(late("timed out behind another close"))?;
        if closing.is_closed {
            return Ok(());
        }
        timeout_at(deadline, self.close_guard.drained())
            .await
            .map_err(late("events are still being sent"))?;
        if let Err(error) = self.flush_until(deadline).await {
            // Refused events are lost: another flush would not help.
            let may_succeed_later = error.is_retryable() && error.kind() != SinkErrorKind::Unauthorized;
            if may_succeed_later && self.unflushed.interval().is_some() {
                return Err(error);
            }
            closing.failure = Some(error);
        }
        if let Some(connection) = self.connection.owned() {
            let rest = deadline.saturating_duration_since(Instant::now());
            connection.close(rest).await?;
        }
        closing.is_closed = true;
        match closing.failure.take() {
            Some(error) => Err(error),
            // All errors of the server have arrived before the connection closes.
            None => self.check_rejected_events(),
        }
    }
}

impl fmt::Debug for NatsEventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsEventSink")
            .field("connection", &self.connection())
            .field("subjects", &self.settings.subjects.wildcard())
            .finish_non_exhaustive()
    }
}

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_nats::{Client, HeaderMap, PublishError, PublishErrorKind, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{DriverEventSink, Envelope, Fate, Guarantee, Receipt, SinkError, SinkErrorKind};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use super::NatsEventSinkBuilder;
use super::unflushed::Unflushed;
use crate::barrier;
use crate::close_guard::CloseGuard;
use crate::connection::Connection;
use crate::pluralize::pluralize;
use crate::subject::Subjects;
use crate::{NatsConnection, headers};

/// How often others have their turn before a call that waits for room looks at the clock.
const TURNS_BEFORE_TIMER: usize = 4;

/// Publishes every event on its subject, at most once, to whoever is listening.
///
/// # What is promised
/// `Ok` of [`send`](DriverEventSink::send) is [`Written`](Receipt::Written): the event is with the client, which does
/// not tell whether it arrives. While the link is down, or slow, up to
/// [so many](crate::NatsOptions::queue_capacity) events wait in memory; then `send` waits for room, and fails with
/// `Disconnected` or `Full` after the [time it has](NatsEventSinkBuilder::send_timeout).
///
/// `Ok` of [`flush`](DriverEventSink::flush) is more: the server has parsed everything that was sent before. Where the
/// connection was made anew since, what was sent and not flushed before is at risk, and so is what waited in memory,
/// which cannot be told apart: `flush` fails once with `Disconnected` and says how many events those are. Some of them may
/// arrive late, behind what was sent by the new connection, since the server may still read the old one. The sink does
/// not send them again. A caller who cannot lose them keeps the envelopes until the flush, or uses
/// a stream.
///
/// [`close`](DriverEventSink::close) flushes; then it ends the connection, if the sink made it. A sink that is dropped
/// without loses what the client has in memory.
///
/// # What only the client's callback is told
/// That the server refuses credentials, or takes no events on a subject, is told to the callback of the client, which
/// only a connection made by [`NatsOptions`](crate::NatsOptions) has for the sink. With it, such a call fails with
/// `Unauthorized`, at the latest `flush` and `close` do. With a client of the caller's ([`new`](Self::new)) refused
/// events vanish, and refused credentials look like a link that is down.
///
/// # What every method does in time
/// `send` returns within the time that it has, `flush` and `close` within
/// [theirs](NatsEventSinkBuilder::flush_timeout). All are cancel safe: an event whose `send` was dropped was published
/// or not, and a flush that was dropped is forgotten.
///
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
    connection: Connection,
    settings: Settings,
    close_guard: CloseGuard,
    unflushed: Unflushed,
    /// One barrier at a time.
    flushing: Mutex<()>,
    ending: Mutex<Ending>,
    /// Of the events that the server refused, how many somebody was told of.
    refusals_told: AtomicU64,
}

/// How far `close` has come.
#[derive(Debug, Default)]
struct Ending {
    /// What the last flush found, until somebody is told: a call may be dropped before it returns.
    failure: Option<SinkError>,
    has_ended: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) subjects: Subjects,
    pub(super) has_headers: bool,
    pub(super) barrier_subject: String,
    pub(super) send_timeout: Duration,
    pub(super) flush_timeout: Duration,
}

impl NatsEventSink {
    /// Publishes by a client that the caller made, with headers, and without a prefix.
    ///
    /// The client stays the caller's: `close` flushes, refuses what comes afterwards, and leaves the client open.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self::with_settings(Connection::of_client(client), Settings::default())
    }

    /// Sets what [`new`](Self::new) does not: a connection of the sink's own, a prefix, no headers, time limits.
    pub fn builder() -> NatsEventSinkBuilder {
        NatsEventSinkBuilder::new()
    }

    pub(super) fn with_settings(connection: Connection, settings: Settings) -> Self {
        Self {
            connection,
            settings,
            close_guard: CloseGuard::default(),
            unflushed: Unflushed::default(),
            flushing: Mutex::default(),
            ending: Mutex::default(),
            refusals_told: AtomicU64::default(),
        }
    }

    /// The connection and how it is doing; none where the caller made the client.
    #[must_use]
    pub fn connection(&self) -> Option<&NatsConnection> {
        self.connection.nats_connection()
    }

    async fn send_within(&self, envelope: &Envelope, patience: Duration) -> Result<Receipt, SinkError> {
        let _call = self.close_guard.enter()?;
        let subject = self.settings.subjects.of(envelope)?;
        let payload = envelope.json()?.clone();
        let headers = self
            .settings
            .has_headers
            .then(|| headers::write(envelope))
            .transpose()?;
        self.check_refusals(&subject)?;
        // Asked before the client takes the event: it may go out at once, and the connection be lost with it.
        let epoch = self.connection.epoch();
        self.hand_over(subject, headers, payload, patience).await?;
        self.unflushed.enter(epoch);
        Ok(Receipt::Written)
    }

    /// Gives the event to the client, and waits where that has no room.
    async fn hand_over(
        &self,
        subject: Subject,
        headers: Option<HeaderMap>,
        payload: Bytes,
        patience: Duration,
    ) -> Result<(), SinkError> {
        let client = self.connection.client();
        let mut publish = pin!(async {
            match headers {
                Some(headers) => client.publish_with_headers(subject, headers, payload).await,
                None => client.publish(subject, payload).await,
            }
        });
        // A timer costs more than the rest, and where there is no room there mostly is after others had their turn.
        for _ in 0..TURNS_BEFORE_TIMER {
            let polled = poll_fn(|context| Poll::Ready(publish.as_mut().poll(context))).await;
            if let Poll::Ready(published) = polled {
                return published.map_err(publish_error);
            }
            tokio::task::yield_now().await;
        }
        match timeout(patience, publish).await {
            Ok(published) => published.map_err(publish_error),
            Err(_) => Err(self.no_room()),
        }
    }

    fn no_room(&self) -> SinkError {
        if let Some(why) = self.connection.nats_connection().and_then(NatsConnection::auth_error) {
            return barrier::unauthorized(&why);
        }
        let (kind, message) = if self.connection.is_connected() {
            (
                SinkErrorKind::Full,
                "the client has no room: the link to NATS is too slow",
            )
        } else {
            (
                SinkErrorKind::Disconnected,
                "the client has no room: the link to NATS is down",
            )
        };
        SinkError::new(kind, message).with_fate(Fate::NotSent)
    }

    /// An event that the server is known to refuse is not sent.
    fn check_refusals(&self, subject: &str) -> Result<(), SinkError> {
        let Some(connection) = self
            .connection
            .nats_connection()
            .filter(|connection| connection.state().has_violations())
        else {
            return Ok(());
        };
        if let Some(why) = connection.auth_error() {
            return Err(barrier::unauthorized(&why));
        }
        if connection.state().is_publish_denied(subject) {
            let message = format!("the server refuses to take events on {subject:?}: permit it");
            return Err(SinkError::new(SinkErrorKind::Unauthorized, message));
        }
        Ok(())
    }

    async fn flush_until(&self, deadline: Instant) -> Result<(), SinkError> {
        let told = self.unflushed.told();
        {
            let _turn = timeout_at(deadline, self.flushing.lock()).await.map_err(|elapsed| {
                SinkError::new(SinkErrorKind::Timeout, "the flush before this one took all of its time")
                    .with_source(elapsed)
            })?;
            if let Some(interval) = self.unflushed.interval() {
                let subject = &self.settings.barrier_subject;
                let epoch = barrier::wait(&self.connection, subject, interval.epoch, deadline).await?;
                self.unflushed.settle(interval, epoch);
            }
        }
        let refused = self.check_refused_events();
        // Others may have been told while this call waited for its turn; what they were told of may be the caller's.
        let at_risk = self.unflushed.told() - told;
        if at_risk == 0 {
            return refused;
        }
        let at_risk = pluralize(at_risk, "event");
        let lost = format!("the connection to NATS was lost, and maybe {at_risk} that no flush covered");
        Err(match refused {
            Ok(()) => SinkError::new(SinkErrorKind::Disconnected, lost),
            Err(error) => SinkError::new(error.kind(), format!("{lost}; {error}")).with_fate(Fate::Unknown),
        })
    }

    /// Tells of events that the server refused, once.
    fn check_refused_events(&self) -> Result<(), SinkError> {
        let Some(state) = self.connection.state().filter(|state| state.has_violations()) else {
            return Ok(());
        };
        let subjects = &self.settings.subjects;
        let (refused, subject) = state.publish_violations(|subject| subjects.strip(subject).is_some());
        let told = self.refusals_told.swap(refused, Ordering::AcqRel);
        match (refused.saturating_sub(told), subject) {
            (0, _) | (_, None) => Ok(()),
            (events, Some(subject)) => {
                let events = pluralize(events, "event");
                let message = format!("the server refused {events} or more, on {subject:?} among others: permit it");
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
        Guarantee::Written
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut results = Vec::with_capacity(envelopes.len());
        let mut patience = self.settings.send_timeout;
        for envelope in envelopes {
            let result = self.send_within(&envelope, patience).await;
            // Where one waited for room in vain, the rest does not wait as long again, each of them.
            patience = match &result {
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
        let mut ending = timeout_at(deadline, self.ending.lock())
            .await
            .map_err(late("another call of close took all of the time"))?;
        if ending.has_ended {
            return Ok(());
        }
        timeout_at(deadline, self.close_guard.drained())
            .await
            .map_err(late("events are still being sent"))?;
        if let Err(error) = self.flush_until(deadline).await {
            if error.is_retryable() && self.unflushed.interval().is_some() {
                return Err(error);
            }
            ending.failure = Some(error);
        }
        if let Some(connection) = self.connection.owned() {
            let rest = deadline.saturating_duration_since(Instant::now());
            connection.close(rest).await?;
        }
        ending.has_ended = true;
        match ending.failure.take() {
            Some(error) => Err(error),
            // The end of a connection is the last thing that the client tells.
            None => self.check_refused_events(),
        }
    }
}

impl fmt::Debug for NatsEventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsEventSink")
            .field("connection", &self.connection.nats_connection())
            .field("subjects", &self.settings.subjects.wildcard())
            .finish_non_exhaustive()
    }
}

/// Why the client did not take an event.
pub(crate) fn publish_error(error: PublishError) -> SinkError {
    let (kind, message) = match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => {
            (SinkErrorKind::TooLarge, "the server takes no message as large as this")
        }
        PublishErrorKind::InvalidSubject => (SinkErrorKind::Rejected, "the subject cannot be published to"),
        PublishErrorKind::Send => (SinkErrorKind::Closed, "the connection to NATS has ended"),
    };
    SinkError::new(kind, message)
        .with_fate(Fate::NotSent)
        .with_source(error)
}

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::Info;
use async_nats::{HeaderMap, StatusCode, Subject};
use bytes::Bytes;
use driver_events_core::{Envelope, Fate, SinkError, SinkErrorKind, Stored};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::api::Api;
use super::atomic_batch::AtomicPublish;
use super::pending_acks::{AckOutcome, PendingAcks};
use super::pub_ack::{Classified, PubAck};
use super::retry_deadline::RetryDeadline;
use super::stream_check::STREAM_NOT_FOUND;
use crate::barrier::unauthorized;
use crate::connection::Connection;
use crate::core_nats::publish_error;
use crate::headers;
use crate::subject::Subjects;

/// Backoff after the first attempt that failed at once. It doubles up to `MAX_BACKOFF`.
const MIN_BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_secs(1);
/// Time to live of the cached stream lookup.
const STREAM_LOOKUP_TTL: Duration = Duration::from_secs(1);
const STREAM_LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);

/// Publishes events, with retries, until the stream acks them.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) connection: Connection,
    pub(super) acks: PendingAcks,
    pub(super) api: Api,
    pub(super) stream: Arc<str>,
    pub(super) settings: PublishSettings,
    pub(super) atomic: AtomicPublish,
    /// Cached result of the last stream lookup: when, and whether the stream existed. Held across the lookup, so
    /// concurrent callers share one request.
    pub(super) stream_lookup: Mutex<Option<(Instant, bool)>>,
}

#[derive(Clone, Debug)]
pub(super) struct PublishSettings {
    pub(super) subjects: Subjects,
    pub(super) has_headers: bool,
    /// Maximum number of goals with an event in flight.
    pub(super) window: usize,
    pub(super) ack_timeout: Duration,
    pub(super) retry_timeout: Duration,
}

/// An encoded event. The headers are not kept: the client takes them by value for each attempt.
#[derive(Debug)]
pub(super) struct PreparedEvent {
    pub(super) envelope: Envelope,
    pub(super) subject: Subject,
    pub(super) payload: Bytes,
}

/// Error of one attempt, by when the event may be retried.
#[derive(Debug)]
pub(super) enum AttemptError {
    Permanent(SinkError),
    RetryNow(SinkError),
    RetryAfterBackoff(SinkError),
}

impl Publisher {
    pub(super) fn prepare(&self, envelope: Envelope) -> Result<PreparedEvent, SinkError> {
        let subject = self.settings.subjects.of(&envelope)?;
        let payload = envelope.json()?.clone();
        Ok(PreparedEvent {
            envelope,
            subject,
            payload,
        })
    }

    pub(super) fn headers(&self, envelope: &Envelope) -> Result<HeaderMap, SinkError> {
        match self.settings.has_headers {
            true => headers::write(envelope),
            false => headers::write_id(envelope),
        }
    }

    /// Publishes one event and waits for the pub ack. Retries use the same id.
    pub(super) async fn publish(&self, event: &PreparedEvent, deadline: &RetryDeadline) -> Result<Stored, SinkError> {
        let first_attempt = Instant::now();
        let mut backoff = MIN_BACKOFF;
        let mut fate = Fate::NotSent;
        loop {
            let (error, next_attempt) = match self.attempt(event, deadline.of(first_attempt)).await {
                Ok(stored) => {
                    deadline.record_progress();
                    return Ok(stored);
                }
                Err(AttemptError::Permanent(error)) => return Err(with_earlier_fate(error, fate)),
                Err(AttemptError::RetryNow(error)) => (error, Instant::now()),
                Err(AttemptError::RetryAfterBackoff(error)) => {
                    let next_attempt = Instant::now() + backoff;
                    backoff = MAX_BACKOFF.min(backoff * 2);
                    (error, next_attempt)
                }
            };
            let error = with_earlier_fate(error, fate);
            fate = error.fate();
            if next_attempt >= deadline.of(first_attempt) {
                return Err(error);
            }
            tracing::debug!(id = %event.envelope.id(), %error, "retrying event");
            sleep_until(next_attempt).await;
        }
    }

    async fn attempt(&self, event: &PreparedEvent, deadline: Instant) -> Result<Stored, AttemptError> {
        self.check_denials(&event.subject).map_err(AttemptError::Permanent)?;
        // While the connection is down the client would buffer one copy of the event for each attempt.
        match timeout_at(deadline, self.acks.connected()).await {
            Ok(true) => {}
            Ok(false) => {
                let error = SinkError::new(SinkErrorKind::Closed, "the connection to NATS is closed");
                return Err(AttemptError::Permanent(error.with_fate(Fate::NotSent)));
            }
            Err(_) => {
                self.check_denials(&event.subject).map_err(AttemptError::Permanent)?;
                return Err(AttemptError::RetryNow(
                    SinkError::new(SinkErrorKind::Disconnected, "the connection to NATS is down")
                        .with_fate(Fate::NotSent),
                ));
            }
        }
        let headers = self.headers(&event.envelope).map_err(AttemptError::Permanent)?;
        let ack_timeout = self
            .settings
            .ack_timeout
            .min(deadline.saturating_duration_since(Instant::now()));
        let ack = self.acks.register(&event.subject, ack_timeout);
        let publish = self.connection.client().publish_with_reply_and_headers(
            event.subject.clone(),
            ack.reply_subject(),
            headers,
            event.payload.clone(),
        );
        match timeout_at(deadline, publish).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(AttemptError::Permanent(publish_error(error))),
            Err(_) => {
                return Err(AttemptError::RetryNow(
                    SinkError::new(
                        SinkErrorKind::Timeout,
                        "the client's send buffer is full: the connection to NATS is too slow",
                    )
                    .with_fate(Fate::NotSent),
                ));
            }
        }
        match ack.await {
            AckOutcome::Received(message) if message.status == Some(StatusCode::NO_RESPONDERS) => {
                self.check_stream_exists().await.map_err(AttemptError::Permanent)?;
                Err(AttemptError::RetryAfterBackoff(
                    SinkError::new(SinkErrorKind::Disconnected, "stream has no leader").with_fate(Fate::NotSent),
                ))
            }
            AckOutcome::Received(message) => {
                let ack = self.parse_ack(&message.payload)?;
                Ok(self.stored(ack.sequence, ack.duplicate))
            }
            AckOutcome::Reconnected => Err(AttemptError::RetryNow(SinkError::new(
                SinkErrorKind::Disconnected,
                "the connection to NATS was lost before the stream acked the event",
            ))),
            AckOutcome::Denied => {
                if let Some(reason) = self.connection.auth_error() {
                    let error = unauthorized(&reason).with_fate(Fate::Unknown);
                    return Err(AttemptError::Permanent(error));
                }
                self.check_denials(&event.subject).map_err(AttemptError::Permanent)?;
                Err(AttemptError::RetryNow(SinkError::new(
                    SinkErrorKind::Unauthorized,
                    format!("no permission to publish to `{}`", event.subject),
                )))
            }
            AckOutcome::TimedOut => {
                self.check_stream_exists().await.map_err(AttemptError::Permanent)?;
                let message = "no ack from the stream within the ack timeout: check the server, and the permissions";
                Err(AttemptError::RetryNow(SinkError::new(SinkErrorKind::Timeout, message)))
            }
        }
    }

    /// Parses a pub ack, and checks that it is positive and from the sink's stream.
    pub(super) fn parse_ack(&self, payload: &Bytes) -> Result<PubAck, AttemptError> {
        let ack: PubAck = serde_json::from_slice(payload).map_err(|error| {
            let message = "invalid pub ack: another subscriber replied to the event";
            AttemptError::Permanent(SinkError::new(SinkErrorKind::Fatal, message).with_source(error))
        })?;
        match ack.error.as_ref().map(|error| error.classify()) {
            Some(Classified::Permanent(error)) => return Err(AttemptError::Permanent(error)),
            Some(Classified::Transient(error)) => return Err(AttemptError::RetryAfterBackoff(error)),
            None => {}
        }
        if ack.stream != *self.stream {
            let message = format!(
                "stream `{}` stored the event: stream `{}` no longer captures its subject",
                ack.stream, self.stream
            );
            return Err(AttemptError::Permanent(SinkError::new(SinkErrorKind::Fatal, message)));
        }
        Ok(ack)
    }

    pub(super) fn stored(&self, sequence: u64, duplicate: bool) -> Stored {
        Stored {
            log: Arc::clone(&self.stream),
            partition: None,
            offset: sequence,
            duplicate,
        }
    }

    /// Fails if the server has denied this subject or the ack inbox, or rejects the credentials.
    fn check_denials(&self, subject: &str) -> Result<(), SinkError> {
        let Some(state) = self.connection.state().filter(|state| state.has_violations()) else {
            return Ok(());
        };
        if let Some(reason) = self.connection.auth_error() {
            return Err(unauthorized(&reason));
        }
        let denied = |message: String| Err(SinkError::new(SinkErrorKind::Unauthorized, message));
        if state.is_publish_denied(subject) {
            return denied(format!("no permission to publish to `{subject}`: grant it"));
        }
        if state.is_subscribe_denied(|denied| self.acks.is_inbox_denied(denied)) {
            return denied(
                "no permission to subscribe to the inbox for pub acks: grant it, or set another inbox prefix".into(),
            );
        }
        Ok(())
    }

    /// Fails if the stream was deleted. While another subscriber receives the events, the server does not report "no
    /// responders", and a deleted stream looks like a slow one.
    async fn check_stream_exists(&self) -> Result<(), SinkError> {
        let stream = &self.stream;
        let mut cached = self.stream_lookup.lock().await;
        let exists = match *cached {
            Some((when, exists)) if when.elapsed() < STREAM_LOOKUP_TTL => exists,
            _ => {
                let request = format!("STREAM.INFO.{stream}");
                let lookup = self.api.request::<Info>(&request, Bytes::new());
                let lookup = timeout(STREAM_LOOKUP_TIMEOUT, lookup).await;
                // Without a response the stream may exist: the failure is cached too, so that lookups stay rare.
                let exists = !matches!(lookup, Ok(Err(error)) if error.code() == Some(STREAM_NOT_FOUND));
                *cached = Some((Instant::now(), exists));
                exists
            }
        };
        if exists {
            return Ok(());
        }
        let message = format!("stream `{stream}` was deleted: create it again");
        Err(SinkError::new(SinkErrorKind::Fatal, message).with_fate(Fate::NotSent))
    }
}

/// Once an attempt may have been stored, the fate stays `Unknown`.
fn with_earlier_fate(error: SinkError, fate: Fate) -> SinkError {
    match fate {
        Fate::NotSent => error,
        fate => error.with_fate(fate),
    }
}

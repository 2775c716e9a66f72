use std::sync::Arc;
use std::time::Duration;

use async_nats::{HeaderMap, StatusCode, Subject};
use bytes::Bytes;
use driver_events_core::{Envelope, Fate, SetupError, SetupErrorKind, SinkError, SinkErrorKind, Stored};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::attempt_error::AttemptError::{self, Permanent, RetryAfterBackoff, RetryNow};
use super::pending_acks::{AckOutcome, PendingAcks};
use super::pub_ack::PubAck;
use super::retry_deadline::RetryDeadline;
use super::stream_check::{CheckedStream, StreamCheck};
use super::stream_lookup::StreamLookup;
use crate::connection::{NatsConnection, Refusal};
use crate::wire::{Subjects, headers};

/// Backoff after the first error reply, such as "no responders". Doubles up to `MAX_BACKOFF`.
const MIN_BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// Publishes events, with retries, until the stream acks them.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) connection: NatsConnection,
    pub(super) acks: PendingAcks,
    pub(super) stream: Arc<str>,
    pub(super) check: StreamCheck,
    pub(super) lookup: StreamLookup,
    pub(super) settings: PublishSettings,
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
        let prefix = self.settings.subjects.prefix();
        match self.settings.has_headers {
            true => headers::write(envelope, prefix),
            false => headers::write_id(envelope, prefix),
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
                Err(Permanent(error)) => return Err(with_earlier_fate(error, fate)),
                Err(RetryNow(error)) => (error, Instant::now()),
                Err(RetryAfterBackoff(error)) => {
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

    /// Waits until the stream was checked once.
    pub(super) async fn check_stream(&self) -> Result<&CheckedStream, SinkError> {
        if let Some(stream) = self.check.checked() {
            return Ok(stream);
        }
        let start = Instant::now();
        let deadline = start + self.settings.retry_timeout;
        let subject = self.check.subject();
        let connected = self.connected(&subject, deadline).await;
        connected.map_err(AttemptError::into_sink_error)?;
        loop {
            let error = match timeout_at(deadline, self.check.run()).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => error,
                Err(elapsed) => match self.connection.refused_publish_within(&subject, start.elapsed()) {
                    Some(refusal) => refusal.into(),
                    None => {
                        SetupError::new(SetupErrorKind::Unreachable, "no response from JetStream").with_source(elapsed)
                    }
                },
            };
            if error.kind() != SetupErrorKind::Unreachable || Instant::now() + MAX_BACKOFF >= deadline {
                return Err(self.unusable(error));
            }
            sleep(MAX_BACKOFF).await;
        }
    }

    /// Returns the error of a stream that was not checked. Somebody may start the server, create the stream or correct its
    /// settings, so a retry may succeed.
    fn unusable(&self, error: SetupError) -> SinkError {
        let kind = match error.kind() {
            SetupErrorKind::Unauthorized => SinkErrorKind::Unauthorized,
            SetupErrorKind::Invalid | SetupErrorKind::Tls => SinkErrorKind::Fatal,
            _ => SinkErrorKind::Disconnected,
        };
        not_sent(kind, &format!("cannot use stream `{}`: {error}", self.stream)).with_source(error)
    }

    /// Waits for the connection. Fails if the server refuses the subject, or the inbox of the acks.
    async fn connected(&self, subject: &str, deadline: Instant) -> Result<(), AttemptError> {
        self.check_refusals(subject)?;
        let connected = tokio::select! {
            biased;
            connected = timeout_at(deadline, self.acks.connected()) => connected,
            refusal = self.connection.credentials_refused() => return Err(Permanent(refusal.into())),
        };
        match connected {
            Ok(true) => Ok(()),
            Ok(false) => {
                let message = "the connection to NATS is closed";
                Err(Permanent(not_sent(SinkErrorKind::Closed, message)))
            }
            Err(_) => {
                self.check_refusals(subject)?;
                let message = "the connection to NATS is down";
                Err(RetryNow(not_sent(SinkErrorKind::Disconnected, message)))
            }
        }
    }

    async fn attempt(&self, event: &PreparedEvent, deadline: Instant) -> Result<Stored, AttemptError> {
        // While the connection is down the client would buffer one copy of the event for each attempt.
        self.connected(&event.subject, deadline).await?;
        let headers = self.headers(&event.envelope).map_err(Permanent)?;
        let time_left = deadline.saturating_duration_since(Instant::now());
        let ack = self
            .acks
            .register(&event.subject, self.settings.ack_timeout.min(time_left));
        let client = self.connection.current_client();
        let publish = client.publish_with_reply_and_headers(
            event.subject.clone(),
            ack.reply_subject(),
            headers,
            event.payload.clone(),
        );
        match timeout_at(deadline, publish).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error = self.connection.publish_error(error);
                return Err(if error.is_retryable() {
                    RetryAfterBackoff(error)
                } else {
                    Permanent(error)
                });
            }
            Err(_) => {
                return Err(RetryNow(not_sent(
                    SinkErrorKind::Timeout,
                    "the queue of the client is full: the connection to NATS is too slow",
                )));
            }
        }
        match ack.await {
            AckOutcome::Received(message) if message.status == Some(StatusCode::NO_RESPONDERS) => {
                self.lookup.check_exists().await.map_err(Permanent)?;
                let message = "stream has no leader";
                self.connection.monitor().observe_failure(message);
                Err(RetryAfterBackoff(not_sent(SinkErrorKind::Disconnected, message)))
            }
            AckOutcome::Received(message) => {
                let ack = PubAck::parse(&message.payload, &self.stream)?;
                Ok(self.stored(ack.sequence, ack.duplicate))
            }
            AckOutcome::Reconnected => Err(RetryNow(SinkError::new(
                SinkErrorKind::Disconnected,
                "the connection to NATS was lost before the stream acked the event",
            ))),
            AckOutcome::Refused(refusal) => {
                let fate = match refusal {
                    Refusal::Credentials(_) => Fate::Unknown,
                    _ => Fate::NotSent,
                };
                Err(Permanent(SinkError::from(refusal).with_fate(fate)))
            }
            AckOutcome::TimedOut => {
                self.lookup.check_exists().await.map_err(Permanent)?;
                let message = "no ack from the stream within the ack timeout: check the server, and the permissions";
                self.connection.monitor().observe_failure(message);
                Err(RetryNow(SinkError::new(SinkErrorKind::Timeout, message)))
            }
        }
    }

    pub(super) fn stored(&self, sequence: u64, duplicate: bool) -> Stored {
        Stored {
            log: Arc::clone(&self.stream),
            partition: None,
            offset: sequence,
            duplicate,
        }
    }

    /// Fails if the server refuses this subject, or the inbox of the acks.
    fn check_refusals(&self, subject: &str) -> Result<(), AttemptError> {
        let refusal = self.connection.refused_publish(subject);
        match refusal.or_else(|| self.acks.refused_inbox()) {
            Some(refusal) => Err(Permanent(refusal.into())),
            None => Ok(()),
        }
    }
}

pub(super) fn not_sent(kind: SinkErrorKind, message: &str) -> SinkError {
    SinkError::new(kind, message).with_fate(Fate::NotSent)
}

/// Once an attempt may have been stored, the fate stays `Unknown`.
fn with_earlier_fate(error: SinkError, fate: Fate) -> SinkError {
    match fate {
        Fate::NotSent => error,
        fate => error.with_fate(fate),
    }
}

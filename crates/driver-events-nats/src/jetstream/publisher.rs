use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::Info;
use async_nats::{HeaderMap, StatusCode, Subject};
use bytes::Bytes;
use driver_events_core::{Envelope, Fate, SinkError, SinkErrorKind, Stored};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::ack::{Ack, Verdict};
use super::acks::{Acks, Answer};
use super::api::Api;
use super::atomic::Atomic;
use super::patience::Patience;
use super::stream_check::STREAM_NOT_FOUND;
use crate::barrier::unauthorized;
use crate::connection::Connection;
use crate::core_nats::publish_error;
use crate::headers;
use crate::subject::Subjects;

/// How long to wait after the first try that failed at once; every other wait is twice as long, up to `LONGEST_PAUSE`.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// For how long it is believed that the stream exists, or does not, before it is looked up again.
const BELIEF: Duration = Duration::from_secs(1);
/// How long looking it up may take.
const LOOK: Duration = Duration::from_secs(1);

/// Publishes events until the stream has acknowledged them.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) connection: Connection,
    pub(super) acks: Acks,
    pub(super) api: Api,
    pub(super) stream: Arc<str>,
    pub(super) settings: Settings,
    pub(super) atomic: Atomic,
    /// Whether the stream existed when it was last looked up. One looks, the others wait for what it sees.
    pub(super) last_look: Mutex<Option<(Instant, bool)>>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) subjects: Subjects,
    pub(super) has_headers: bool,
    pub(super) window: usize,
    pub(super) ack_timeout: Duration,
    pub(super) retry_timeout: Duration,
}

/// An event as it is published, but for the headers, which the client keeps.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) envelope: Envelope,
    pub(super) subject: Subject,
    pub(super) payload: Bytes,
}

/// A try that failed.
#[derive(Debug)]
pub(super) enum Miss {
    /// Another would fail too.
    Final(SinkError),
    /// Another may do, at once.
    Lost(SinkError),
    /// Another may do, after a pause.
    Refused(SinkError),
}

impl Publisher {
    pub(super) fn prepare(&self, envelope: Envelope) -> Result<Prepared, SinkError> {
        let subject = self.settings.subjects.of(&envelope)?;
        let payload = envelope.json()?.clone();
        Ok(Prepared {
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

    /// Publishes one event, again and again where that may help, always with the same id.
    pub(super) async fn store(&self, event: &Prepared, patience: &Patience) -> Result<Stored, SinkError> {
        let first_try = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        let mut fate = Fate::NotSent;
        loop {
            let (error, next_try) = match self.try_once(event, patience.deadline(first_try)).await {
                Ok(stored) => {
                    patience.progress();
                    return Ok(stored);
                }
                Err(Miss::Final(error)) => return Err(with_worse_fate(error, fate)),
                Err(Miss::Lost(error)) => (error, Instant::now()),
                Err(Miss::Refused(error)) => {
                    let next_try = Instant::now() + pause;
                    pause = LONGEST_PAUSE.min(pause * 2);
                    (error, next_try)
                }
            };
            let error = with_worse_fate(error, fate);
            fate = error.fate();
            if next_try >= patience.deadline(first_try) {
                return Err(error);
            }
            tracing::debug!(id = %event.envelope.id(), %error, "an event is tried again");
            sleep_until(next_try).await;
        }
    }

    async fn try_once(&self, event: &Prepared, deadline: Instant) -> Result<Stored, Miss> {
        self.check_refusals(&event.subject).map_err(Miss::Final)?;
        // What is published while the link is down waits in the client, and would be there once for every try.
        match timeout_at(deadline, self.acks.is_connected()).await {
            Ok(true) => {}
            Ok(false) => {
                let error = SinkError::new(SinkErrorKind::Closed, "the connection to NATS has ended");
                return Err(Miss::Final(error.with_fate(Fate::NotSent)));
            }
            Err(_) => {
                self.check_refusals(&event.subject).map_err(Miss::Final)?;
                return Err(Miss::Lost(
                    SinkError::new(SinkErrorKind::Disconnected, "the link to NATS is down").with_fate(Fate::NotSent),
                ));
            }
        }
        let headers = self.headers(&event.envelope).map_err(Miss::Final)?;
        let patience = self
            .settings
            .ack_timeout
            .min(deadline.saturating_duration_since(Instant::now()));
        let expected = self.acks.expect(&event.subject, patience);
        let publish = self.connection.client().publish_with_reply_and_headers(
            event.subject.clone(),
            expected.reply(),
            headers,
            event.payload.clone(),
        );
        match timeout_at(deadline, publish).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Miss::Final(publish_error(error))),
            Err(_) => {
                return Err(Miss::Lost(
                    SinkError::new(
                        SinkErrorKind::Timeout,
                        "the client has no room: the link to NATS is too slow",
                    )
                    .with_fate(Fate::NotSent),
                ));
            }
        }
        match expected.await {
            Answer::Came(message) if message.status == Some(StatusCode::NO_RESPONDERS) => {
                self.check_stream().await.map_err(Miss::Final)?;
                Err(Miss::Refused(
                    SinkError::new(SinkErrorKind::Disconnected, "the stream has no leader now")
                        .with_fate(Fate::NotSent),
                ))
            }
            Answer::Came(message) => self.read(&message.payload),
            Answer::Reconnected => Err(Miss::Lost(SinkError::new(
                SinkErrorKind::Disconnected,
                "the link to NATS was lost before the stream acknowledged the event",
            ))),
            Answer::Refused => {
                if let Some(why) = self.connection.auth_error() {
                    return Err(Miss::Final(unauthorized(&why).with_fate(Fate::Unknown)));
                }
                self.check_refusals(&event.subject).map_err(Miss::Final)?;
                Err(Miss::Lost(SinkError::new(
                    SinkErrorKind::Unauthorized,
                    "the server refused the event",
                )))
            }
            Answer::Late => {
                self.check_stream().await.map_err(Miss::Final)?;
                let message =
                    "the stream did not acknowledge the event in time, as where the server does not permit it";
                Err(Miss::Lost(SinkError::new(SinkErrorKind::Timeout, message)))
            }
        }
    }

    fn read(&self, payload: &Bytes) -> Result<Stored, Miss> {
        let ack = self.acknowledged(payload)?;
        Ok(self.stored(ack.sequence, ack.duplicate))
    }

    /// The answer, where it is a good one, and from the stream that was asked for.
    pub(super) fn acknowledged(&self, payload: &Bytes) -> Result<Ack, Miss> {
        let ack: Ack = serde_json::from_slice(payload).map_err(|error| {
            let message = "somebody else than a stream answered the event";
            Miss::Final(SinkError::new(SinkErrorKind::Fatal, message).with_source(error))
        })?;
        match ack.error.as_ref().map(|refusal| refusal.verdict()) {
            Some(Verdict::Final(error)) => return Err(Miss::Final(error)),
            Some(Verdict::Passing(error)) => return Err(Miss::Refused(error)),
            None => {}
        }
        if ack.stream != *self.stream {
            let message = format!(
                "the event was stored by the stream {:?}, since {:?} does not take it any more",
                ack.stream, self.stream
            );
            return Err(Miss::Final(SinkError::new(SinkErrorKind::Fatal, message)));
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

    /// What is known to be refused is not tried.
    fn check_refusals(&self, subject: &str) -> Result<(), SinkError> {
        let Some(state) = self.connection.state().filter(|state| state.has_violations()) else {
            return Ok(());
        };
        if let Some(why) = self.connection.auth_error() {
            return Err(unauthorized(&why));
        }
        let denied = |message: String| Err(SinkError::new(SinkErrorKind::Unauthorized, message));
        if state.is_publish_denied(subject) {
            return denied(format!("the server refuses to take events on {subject:?}: permit it"));
        }
        if state.is_subscribe_denied(|refused| self.acks.is_below(refused)) {
            return denied(
                "the server refuses the subscription by which the stream's answers come: permit its prefix, or set \
                 another inbox prefix"
                    .into(),
            );
        }
        Ok(())
    }

    /// Makes sure that it is not for want of a stream that no answer came. One that was deleted, while somebody listens
    /// to its subjects, is as silent as a server that is slow.
    async fn check_stream(&self) -> Result<(), SinkError> {
        let stream = &self.stream;
        let mut last_look = self.last_look.lock().await;
        let exists = match *last_look {
            Some((when, exists)) if when.elapsed() < BELIEF => exists,
            _ => {
                let request = format!("STREAM.INFO.{stream}");
                let look = timeout(LOOK, self.api.ask::<Info>(&request, Bytes::new())).await;
                // Where there is no answer it may exist, and asking again at once would not tell.
                let exists = !matches!(look, Ok(Err(error)) if error.code() == Some(STREAM_NOT_FOUND));
                *last_look = Some((Instant::now(), exists));
                exists
            }
        };
        if exists {
            return Ok(());
        }
        let message = format!("the stream {stream:?} does not exist any more: make it anew");
        Err(SinkError::new(SinkErrorKind::Fatal, message).with_fate(Fate::NotSent))
    }
}

/// What was sent before, and may be stored, is not made good by a later try.
fn with_worse_fate(error: SinkError, fate: Fate) -> SinkError {
    match fate {
        Fate::NotSent => error,
        fate => error.with_fate(fate),
    }
}

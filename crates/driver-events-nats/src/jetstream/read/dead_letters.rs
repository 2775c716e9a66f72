//! Dead letters: rejected messages, stored with the reason.

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{HeaderMap, HeaderName, HeaderValue, Message, Subject};
use bytes::Bytes;
use driver_events_core::{SourceError, SourceErrorKind};
use sha2::{Digest, Sha256};

use super::stored_message::StoredMessage;
use crate::connection::NatsConnection;
use crate::lock::lock;
use crate::wire::percent;

/// Prefix of headers with a meaning for the server, such as an expected sequence or a rollup.
const SERVER_PREFIX: &str = "Nats-";
/// Prefix that takes the meaning away.
const PREFIX: &str = "Dead-Letter-";
/// JetStream's error codes for a message larger than the stream accepts, and for headers larger than any stream accepts.
const TOO_LARGE: [ErrorCode; 2] = [
    ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM,
    ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM,
];
/// JetStream's error codes for limits at which the server accepts messages again later.
const OUT_OF_SPACE: [ErrorCode; 5] = [
    ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
    ErrorCode::INSUFFICIENT_RESOURCES,
    ErrorCode::MEMORY_RESOURCES_EXCEEDED,
    ErrorCode::STORAGE_RESOURCES_EXCEEDED,
    ErrorCode::STREAM_STORE_FAILED,
];
/// Number of refusals in a row after which the source ends.
const MAX_REFUSALS: u32 = 3;
/// Time after which transient refusals count, such as of a stream without a leader.
const TRANSIENT_TIME: Duration = Duration::from_secs(30);
/// Time after which earlier refusals belong to another outage. Longer than usual ack waits, after which a refused dead letter
/// is tried again, perhaps by another reader.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Maximum length of a reason without the message, in characters.
const MAX_REASON_CHARS: usize = 1_000;

/// Where dead letters of a source are published.
#[derive(Clone, Debug)]
pub(super) struct DeadLetterQueue {
    subject: Subject,
    refusals: Arc<Mutex<Refusals>>,
}

/// Dead letters in a row that were refused.
#[derive(Debug, Default)]
struct Refusals {
    first: Option<Instant>,
    last: Option<Instant>,
    count: u32,
}

/// How a dead letter was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// No stream captures the subject, or it has no leader; or the stream, the account or the server is full.
    Transient,
    Permanent,
}

/// A message, as it was received.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
    pub(super) stream: Arc<str>,
    /// Sequence in the stream; `None` for a message that is not the consumer's.
    pub(super) sequence: Option<u64>,
}

impl DeadLetter {
    pub(super) fn of_message(message: Message, stream: Arc<str>, sequence: Option<u64>) -> Self {
        Self {
            subject: message.subject.into_string(),
            headers: message.headers.unwrap_or_default(),
            payload: message.payload,
            stream,
            sequence,
        }
    }

    /// Reads the headers of an unreadable message as far as they have names. A value that no header may have is
    /// percent-encoded.
    pub(super) fn of_unreadable(message: StoredMessage, stream: Arc<str>) -> Self {
        let mut headers = HeaderMap::new();
        for line in message.headers.split(|byte| *byte == b'\n').skip(1) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                continue;
            };
            let (name, value) = line.split_at(colon);
            let name = std::str::from_utf8(name)
                .ok()
                .and_then(|name| name.parse::<HeaderName>().ok());
            let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
            let readable = std::str::from_utf8(value)
                .ok()
                .and_then(|value| value.parse::<HeaderValue>().ok());
            let value = readable.or_else(|| percent::encode_bytes(value).parse().ok());
            if let (Some(name), Some(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        Self {
            subject: message.subject,
            headers,
            payload: message.payload,
            stream,
            sequence: Some(message.sequence),
        }
    }

    /// Returns the headers of the dead letter.
    fn headers(&self, why: &str) -> Option<HeaderMap> {
        let mut headers = reason_headers(&self.subject, why)?;
        for (name, values) in self.headers.iter() {
            let text: &str = name.as_ref();
            let is_own = headers.get(name.clone()).is_some();
            let is_servers = text
                .get(..SERVER_PREFIX.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(SERVER_PREFIX));
            let name = match (is_own, is_servers) {
                (true, _) => continue,
                (false, true) => format!("{PREFIX}{text}").parse().ok()?,
                (false, false) => name.clone(),
            };
            for value in values {
                headers.append(name.clone(), value.clone());
            }
        }
        Some(headers)
    }

    /// Returns a description instead of a message that is too large.
    fn description(&self) -> Bytes {
        let hash = Sha256::digest(&self.payload);
        let description = serde_json::json!({
            "stream": &*self.stream,
            "sequence": self.sequence,
            "length": self.payload.len(),
            "sha256": data_encoding::HEXLOWER.encode(&hash),
        });
        description.to_string().into()
    }
}

impl DeadLetterQueue {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            refusals: Arc::default(),
        }
    }

    /// Returns the subject of the dead letters if they are refused again and again.
    pub(super) fn refusing(&self) -> Option<&Subject> {
        (lock(&self.refusals).count >= MAX_REFUSALS).then_some(&self.subject)
    }

    /// Publishes the message with its subject and the reason as additional headers, and waits for the pub ack. A message
    /// that is too large with these headers, or whose headers exceed 64 KiB, is replaced by its stream, sequence, length and SHA-256.
    pub(super) async fn publish(
        &self,
        connection: &NatsConnection,
        letter: DeadLetter,
        why: &str,
    ) -> Result<(), SourceError> {
        let to = &self.subject;
        let failed = |kind, cause: &str| {
            SourceError::new(
                kind,
                format!("cannot store the dead letter on `{to}`: {cause}: expect redelivery"),
            )
        };
        let unwritable = || failed(SourceErrorKind::Fatal, "invalid header");
        let headers = letter.headers(why).ok_or_else(unwritable)?;
        let mut stored = self.store(connection, headers, letter.payload.clone()).await;
        if stored.as_ref().is_err_and(is_too_large) {
            let why: String = why.chars().take(MAX_REASON_CHARS).collect();
            let headers = reason_headers(&letter.subject, &why).ok_or_else(unwritable)?;
            stored = self.store(connection, headers, letter.description()).await;
        }
        let Err(error) = stored else {
            *lock(&self.refusals) = Refusals::default();
            return Ok(());
        };
        if let Some(refusal) = refusal(&error) {
            lock(&self.refusals).record(refusal, Instant::now());
        }
        connection
            .monitor()
            .observe_failure(&format!("cannot store the dead letter on `{to}`: {error}"));
        Err(failed(SourceErrorKind::Disconnected, "no ack from a stream").with_source(error))
    }

    async fn store(&self, connection: &NatsConnection, headers: HeaderMap, payload: Bytes) -> Result<(), PublishError> {
        let context = jetstream::new((*connection.current_client()).clone());
        let published = context
            .publish_with_headers(self.subject.clone(), headers, payload)
            .await?;
        published.await.map(drop)
    }
}

/// Returns the headers that every dead letter has. Percent-encoded text is always a valid header value.
fn reason_headers(subject: &str, why: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in [("Dead-Letter-Subject", subject), ("Dead-Letter-Reason", why)] {
        let value: HeaderValue = percent::encode(value).parse().ok()?;
        headers.insert(name, value);
    }
    Some(headers)
}

fn is_too_large(error: &PublishError) -> bool {
    let code = api_error(error).map(jetstream::Error::error_code);
    error.kind() == PublishErrorKind::MaxPayloadExceeded || code.is_some_and(|code| TOO_LARGE.contains(&code))
}

/// Returns how the dead letter was refused; `None` if it was not, such as without a response or by a server that is unavailable.
fn refusal(error: &PublishError) -> Option<Refusal> {
    match api_error(error) {
        // The server or the account is out of resources. The server reports the limits of the stream as store errors.
        Some(error) if OUT_OF_SPACE.contains(&error.error_code()) => Some(Refusal::Transient),
        Some(error) => (error.code() < 500).then_some(Refusal::Permanent),
        None if is_too_large(error) => Some(Refusal::Permanent),
        None => (error.kind() == PublishErrorKind::StreamNotFound).then_some(Refusal::Transient),
    }
}

fn api_error(error: &PublishError) -> Option<&jetstream::Error> {
    error.source()?.downcast_ref()
}

impl Refusals {
    fn record(&mut self, refusal: Refusal, now: Instant) {
        let is_other = |last| now.saturating_duration_since(last) > FORGOTTEN_AFTER;
        if self.last.is_some_and(is_other) {
            *self = Self::default();
        }
        self.last = Some(now);
        let first = *self.first.get_or_insert(now);
        if refusal == Refusal::Permanent || now.saturating_duration_since(first) >= TRANSIENT_TIME {
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{FORGOTTEN_AFTER, MAX_REFUSALS, Refusal, Refusals, TRANSIENT_TIME};

    #[test]
    fn transient_refusals_count_after_a_time() {
        let start = Instant::now();
        let mut refusals = Refusals::default();
        for _ in 0..100 {
            refusals.record(Refusal::Transient, start);
        }
        assert_eq!(refusals.count, 0);
        for _ in 0..MAX_REFUSALS {
            refusals.record(Refusal::Transient, start + TRANSIENT_TIME);
        }
        assert_eq!(refusals.count, MAX_REFUSALS);
        let mut refusals = Refusals::default();
        refusals.record(Refusal::Permanent, start);
        assert_eq!(refusals.count, 1);
    }

    #[test]
    fn refusals_of_an_earlier_outage_do_not_count() {
        let start = Instant::now();
        let later = start + 2 * FORGOTTEN_AFTER;
        let mut refusals = Refusals::default();
        refusals.record(Refusal::Transient, start);
        for _ in 0..MAX_REFUSALS {
            refusals.record(Refusal::Transient, later);
        }
        assert_eq!(refusals.count, 0);
        // An outage that goes on is not forgotten.
        let mut refusals = Refusals::default();
        for minutes in 0..30 {
            refusals.record(Refusal::Transient, start + Duration::from_secs(60 * minutes));
        }
        assert_eq!(refusals.count, 29);
    }
}

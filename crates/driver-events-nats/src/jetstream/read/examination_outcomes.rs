//! Outcomes of the examinations behind lost connections.

use std::time::Duration;

use driver_events_core::{SetupError, SetupErrorKind};
use tokio::time::Instant;

use super::stored_message::StoredMessage;
use crate::jetstream::api::{Api, ApiError};

/// Number of lost connections without a message in between after which a failed examination is reported.
const REPORTED_FAILURES: u32 = 3;
/// Number of lost connections before one readable message after which the source steps over it.
const FATAL_LOSSES: u32 = 8;

/// Failed examinations before this time are forgotten: they were of another outage.
const FAILURE_TTL: Duration = Duration::from_secs(90);
/// Interval at which the source reads on although examinations fail.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct ExaminationOutcomes {
    /// Failed examinations since the last message.
    failures: u32,
    /// Failed examinations while messages waited for redelivery: other messages are no progress for them.
    failures_of_redelivery: u32,
    /// Until then the source does not read.
    retry_at: Option<Instant>,
    last_failure: Option<Instant>,
    suspect: Option<Suspect>,
}

/// A readable message before which the connection was lost.
#[derive(Debug)]
struct Suspect {
    sequence: u64,
    /// How many subscriptions ended before it.
    losses: u32,
    /// The last of them.
    subscription: u64,
}

impl ExaminationOutcomes {
    pub(super) fn record_message(&mut self) {
        self.failures = 0;
        self.suspect = None;
    }

    /// Records a successful examination.
    pub(super) fn record_success(&mut self) {
        self.failures = 0;
        self.failures_of_redelivery = 0;
        self.retry_at = None;
    }

    /// Returns whether so many subscriptions ended before this message that the client seems unable to read it. Each is
    /// counted once, however often its recovery is tried.
    pub(super) fn is_fatal(&mut self, sequence: u64, subscription: u64) -> bool {
        let losses = match &self.suspect {
            Some(suspect) if suspect.sequence != sequence => 1,
            Some(suspect) => suspect.losses + u32::from(suspect.subscription != subscription),
            None => 1,
        };
        self.suspect = Some(Suspect {
            sequence,
            losses,
            subscription,
        });
        losses >= FATAL_LOSSES
    }

    /// Records a failed examination. An ordinary outage needs none, so the first failures are not reported.
    ///
    /// # Errors
    /// - `Unauthorized`: the connection was lost repeatedly, perhaps at a message that the client cannot read.
    /// - `Unreachable`: the same, reported before. The caller retries.
    pub(super) fn record_failure(
        &mut self,
        api: &Api,
        stream: &str,
        is_redelivering: bool,
        error: ApiError,
    ) -> Result<(), SetupError> {
        let now = Instant::now();
        let last = self.last_failure.replace(now);
        if last.is_some_and(|last| last + FAILURE_TTL < now) {
            self.failures = 0;
            self.failures_of_redelivery = 0;
        }
        self.failures += 1;
        self.failures_of_redelivery += u32::from(is_redelivering);
        let failures = self.failures.max(self.failures_of_redelivery);
        let subject = api.subject(&StoredMessage::request_subject(stream));
        let message = format!(
            "the connection to NATS was lost, perhaps at a message of stream `{stream}` that the client cannot read: to \
             step over it, grant permission to publish to `{subject}`"
        );
        api.connection()
            .monitor()
            .observe_failure(&format!("{message}: {error}"));
        if failures < REPORTED_FAILURES {
            return Ok(());
        }
        let kind = match self.retry_at {
            Some(retry_at) if retry_at > now => SetupErrorKind::Unreachable,
            Some(_) => {
                self.retry_at = None;
                return Ok(());
            }
            None => {
                self.retry_at = Some(now + RETRY_INTERVAL);
                match error {
                    ApiError::Refused(_) => SetupErrorKind::Unauthorized,
                    _ => SetupErrorKind::Unreachable,
                }
            }
        };
        Err(SetupError::new(kind, message).with_source(error))
    }
}

//! Outages of the connection or the server, and which of them the reader has seen as errors.

use std::error::Error;
use std::time::Duration;

use driver_events_core::{SetupError, SourceError, SourceErrorKind};
use tokio::time::Instant;

use crate::connection::{NatsConnection, Refusal, ReportOnce};

/// An outage is reported after this time.
const REPORT_AFTER: Duration = Duration::from_secs(10);

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[derive(Debug, Default)]
pub(super) struct Outage {
    since: Option<Instant>,
    cause: Option<SetupError>,
    is_reported: bool,
    refusals: ReportOnce,
    /// Number of denied publishes already reported.
    reported_denials: u64,
}

impl Outage {
    /// Starts an outage, unless one is in progress.
    pub(super) fn start(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// Starts an outage, unless one is in progress, and sets its cause.
    pub(super) fn start_with_cause(&mut self, connection: &NatsConnection, cause: SetupError) {
        self.start();
        connection.monitor().observe_failure(&with_causes(&cause));
        self.cause = Some(cause);
    }

    /// Ends the outage: the server has sent something.
    pub(super) fn end(&mut self) {
        if self.since.take().is_some() {
            self.cause = None;
            self.is_reported = false;
        }
    }

    /// Returns the error that the reader has not seen yet, if there is one. Short outages are not reported.
    pub(super) fn report(
        &mut self,
        connection: &NatsConnection,
        is_own_subject: impl Fn(&str) -> bool,
    ) -> Option<SourceError> {
        let (denials, subject) = connection.denied_messages(is_own_subject);
        let is_new = denials > std::mem::replace(&mut self.reported_denials, denials);
        if let Some(subject) = subject.filter(|_| is_new) {
            return Some(Refusal::Publish(subject).into());
        }
        if let Some(error) = self.refusals.report(connection.refused_credentials()) {
            return Some(error);
        }
        if !connection.is_connected() {
            self.start();
        }
        let is_due = self.since.is_some_and(|since| since.elapsed() >= REPORT_AFTER);
        if self.is_reported || !is_due {
            return None;
        }
        self.is_reported = true;
        let message = match connection.is_connected() {
            true => "JetStream does not serve the consumer: the source retries",
            false => "the connection to NATS is down: the source reconnects",
        };
        let error = SourceError::new(SourceErrorKind::Disconnected, message);
        Some(match self.cause.take() {
            Some(cause) => error.with_source(cause),
            None => error,
        })
    }
}

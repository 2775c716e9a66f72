use bytes::Bytes;
use driver_events::{Envelope, Guarantee, OpenedSink, Position, Receipt, SinkError, SinkErrorKind, Stored};

use super::retry_policy::{Outage, RetryPolicy};
use crate::report::{Report, count, with_causes};
use crate::target::Target;

/// Event of the input.
pub(super) struct Line {
    pub(super) envelope: Envelope,
    pub(super) position: Position,
    /// The line's bytes, including its ending.
    pub(super) raw: Bytes,
}

/// Event that a target rejected permanently.
pub(super) struct Rejection {
    /// Index of the event in the batch.
    pub(super) index: usize,
    pub(super) target: String,
    pub(super) reason: String,
}

/// Sends events to one target, retries, and counts the results.
pub(super) struct TargetWorker {
    target: Target,
    opened: OpenedSink,
    /// If standard output is the only target, a closed pipe is not a failure.
    is_only_stdout: bool,
    report: Report,
    delivered: u64,
    /// Number of delivered events that the target had already stored.
    already_stored: u64,
    rejected: u64,
    unconfirmed: u64,
    stop_reason: Option<StopReason>,
    /// Whether the target accepted an event, which it may have stored.
    has_accepted: bool,
    /// Number of the last line before the first unconfirmed one.
    last_confirmed: Option<u64>,
}

/// Reason why no more events are sent to a target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StopReason {
    ReaderClosed,
    GaveUp,
}

impl TargetWorker {
    pub(super) fn new(target: Target, opened: OpenedSink, is_only_target: bool, report: Report) -> Self {
        Self {
            is_only_stdout: is_only_target && target.is_stdout(),
            target,
            opened,
            report,
            delivered: 0,
            already_stored: 0,
            rejected: 0,
            unconfirmed: 0,
            stop_reason: None,
            has_accepted: false,
            last_confirmed: None,
        }
    }

    /// Sends the lines in order and waits until they are flushed. Retryable failures are retried as the policy allows.
    /// After that, the worker stops and counts all further lines as unconfirmed.
    ///
    /// Returns the events that the target rejected.
    pub(super) async fn deliver(&mut self, lines: &[Line], retry_policy: &RetryPolicy) -> Vec<Rejection> {
        if self.stop_reason.is_some() {
            self.unconfirmed += lines.len() as u64;
            return Vec::new();
        }
        let mut progress = BatchProgress {
            pending: lines.iter().enumerate().collect(),
            accepted: 0,
            already_stored: 0,
            rejections: Vec::new(),
        };
        let mut outage: Option<Outage<'_>> = None;
        let failure = loop {
            let pending_before = progress.pending.len();
            let Err(error) = self.send_and_flush(&mut progress).await else {
                break None;
            };
            // Somebody must grant the permission first, and waits for the message.
            if !error.is_retryable() || error.kind() == SinkErrorKind::Unauthorized {
                break Some(error);
            }
            if progress.pending.is_empty()
                && !self.opened.retains_unflushed
                && error.kind() == SinkErrorKind::Disconnected
            {
                progress.resend_accepted(lines);
            } else if progress.pending.len() < pending_before {
                // The target is slow, not down: a new outage starts.
                outage = None;
            }
            let outage = outage.get_or_insert_with(|| {
                retry_policy.start_outage(&self.report, &self.target, self.opened.longest_outage, &error)
            });
            if !outage.wait().await {
                break Some(error);
            }
        };
        self.has_accepted |= progress.accepted > 0;
        self.rejected += progress.rejections.len() as u64;
        self.already_stored += progress.already_stored;
        match failure {
            None => self.delivered += progress.accepted,
            Some(error) => self.stop(&error, &progress, lines).await,
        }
        progress.rejections
    }

    /// Sends the pending events, and flushes once all of them are accepted. Events that must be sent again remain
    /// pending, in order; the error is the first one of the batch.
    async fn send_and_flush(&self, progress: &mut BatchProgress<'_>) -> Result<(), SinkError> {
        if progress.pending.is_empty() {
            return self.flush().await;
        }
        let envelopes = progress.pending.iter().map(|(_, line)| line.envelope.clone()).collect();
        let mut results = self.opened.sink.send_batch(envelopes).await.into_iter();
        let mut failure = None;
        for (index, line) in std::mem::take(&mut progress.pending) {
            match results.next().unwrap_or_else(|| Err(missing_result())) {
                Ok(receipt) => {
                    progress.accepted += 1;
                    progress.already_stored += u64::from(is_duplicate(&receipt));
                }
                Err(error) if error.is_about_event() => progress.rejections.push(Rejection {
                    index,
                    target: self.target.name(),
                    reason: with_causes(&error),
                }),
                Err(error) => {
                    progress.pending.push((index, line));
                    failure.get_or_insert(error);
                }
            }
        }
        match failure {
            None => self.flush().await,
            Some(error) => Err(error),
        }
    }

    /// Waits until the accepted events are as safe as the target makes them. A spool has them on disk already: its flush
    /// waits for brokers.
    async fn flush(&self) -> Result<(), SinkError> {
        match self.opened.sink.guarantee() {
            Guarantee::Spooled => Ok(()),
            _ => self.opened.sink.flush().await,
        }
    }

    /// Stops the worker. Accepted events of the last batch count as delivered if a flush succeeds.
    async fn stop(&mut self, error: &SinkError, progress: &BatchProgress<'_>, lines: &[Line]) {
        // Without pending events, the flush itself has failed.
        let is_flushed = !progress.pending.is_empty() && self.flush().await.is_ok();
        let first_unconfirmed = if is_flushed {
            self.delivered += progress.accepted;
            progress.pending.first().map(|(_, line)| *line)
        } else {
            self.unconfirmed += progress.accepted;
            lines.first()
        };
        self.unconfirmed += progress.pending.len() as u64;
        self.last_confirmed = first_unconfirmed.and_then(|line| match &line.position {
            Position::Line { line, .. } => line.checked_sub(1),
            // The input consists of lines.
            _ => None,
        });
        let place = first_unconfirmed
            .map(|line| format!(" at {} or later", line.position))
            .unwrap_or_default();
        if error.kind() == SinkErrorKind::Closed {
            self.stop_reason = Some(StopReason::ReaderClosed);
            if !self.is_only_stdout {
                self.report
                    .error(format_args!("{}: closed by its reader{place}", self.target.name()));
            }
        } else {
            self.stop_reason = Some(StopReason::GaveUp);
            let reason = with_causes(error);
            self.report
                .error(format_args!("{}: gave up{place}: {reason}", self.target.name()));
        }
    }

    /// Returns whether the worker still sends events.
    pub(super) fn is_open(&self) -> bool {
        self.stop_reason.is_none()
    }

    /// Returns whether the target may have stored an event.
    pub(super) fn has_accepted(&self) -> bool {
        self.has_accepted
    }

    /// Returns the number of the last line before the first unconfirmed one, or `None` if the worker is open.
    pub(super) fn last_confirmed(&self) -> Option<u64> {
        self.last_confirmed
    }

    /// Returns whether standard output is the only target and its reader closed it.
    pub(super) fn has_ended_quietly(&self) -> bool {
        self.is_only_stdout && self.stop_reason == Some(StopReason::ReaderClosed)
    }

    /// Returns whether all events were delivered.
    pub(super) fn is_complete(&self) -> bool {
        self.is_open() && self.rejected == 0
    }

    /// Closes the sink.
    pub(super) async fn close(&mut self) {
        let result = self.opened.sink.close().await;
        if let (Err(error), true) = (result, self.is_open()) {
            // All events were flushed before, so none becomes unconfirmed; but the exit code must report the failure.
            self.stop_reason = Some(StopReason::GaveUp);
            let text = format_args!("{}: {}", self.target.name(), with_causes(&error));
            self.report.error(text);
        }
    }

    /// Returns the line of the summary. `malformed` is the number of lines that were sent to no target.
    pub(super) fn summary(&self, malformed: u64) -> String {
        let done = match self.opened.sink.guarantee() {
            Guarantee::Spooled => "kept by",
            _ => "delivered to",
        };
        let mut summary = format!("{} {done} {}", count(self.delivered, "event"), self.target);
        if self.already_stored > 0 {
            summary.push_str(&format!(", {} already stored", self.already_stored));
        }
        let possible_duplicates = self.opened.possible_duplicates();
        if possible_duplicates > 0 {
            summary.push_str(&format!(", at most {possible_duplicates} stored twice"));
        }
        if self.unconfirmed > 0 {
            summary.push_str(&format!(", {} unconfirmed", self.unconfirmed));
        }
        let rejected = malformed + self.rejected;
        if rejected > 0 {
            summary.push_str(&format!(", {} rejected", count(rejected, "line")));
        }
        summary
    }
}

/// State of the events of one batch.
struct BatchProgress<'a> {
    /// Events to send, with their index in the batch.
    pending: Vec<(usize, &'a Line)>,
    accepted: u64,
    /// Number of accepted events that the target had already stored.
    already_stored: u64,
    rejections: Vec<Rejection>,
}

impl<'a> BatchProgress<'a> {
    /// Makes all events pending again, except rejected ones: the accepted events may be lost.
    fn resend_accepted(&mut self, lines: &'a [Line]) {
        let is_rejected = |index| self.rejections.iter().any(|rejection| rejection.index == index);
        self.pending = lines
            .iter()
            .enumerate()
            .filter(|(index, _)| !is_rejected(*index))
            .collect();
        self.accepted = 0;
        self.already_stored = 0;
    }
}

/// Returns whether the broker had already stored the event.
fn is_duplicate(receipt: &Receipt) -> bool {
    matches!(receipt, Receipt::Stored(Stored { duplicate: true, .. }))
}

fn missing_result() -> SinkError {
    SinkError::new(SinkErrorKind::Fatal, "the sink returned fewer results than events")
}

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use driver_events_core::{DriverEventSink, Envelope, Position, Receipt, SinkError, SinkErrorKind, Stored};

use super::patience::{Outage, Patience};
use crate::report::{Report, count, with_causes};
use crate::target::{Opened, Target};

/// An event of the input.
pub(super) struct Line {
    pub(super) envelope: Envelope,
    pub(super) position: Position,
    /// The bytes as they were read, the ending included.
    pub(super) raw: Bytes,
}

/// An event that a target will never take.
pub(super) struct Refusal {
    /// The event's place in the batch.
    pub(super) index: usize,
    pub(super) target: String,
    pub(super) reason: String,
}

/// The way to one target, and what became of the events on it.
pub(super) struct Lane {
    target: Target,
    sink: Arc<dyn DriverEventSink>,
    holds_unflushed: bool,
    longest_outage: Duration,
    possible_duplicates: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Then its reader may go away, and that is the end, and no failure.
    is_only_stdout: bool,
    report: Report,
    delivered: u64,
    /// How many of those the target had before.
    known: u64,
    refused: u64,
    undelivered: u64,
    end: Option<End>,
}

/// Why nothing more is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The reader went away.
    Closed,
    GivenUp,
}

impl Lane {
    pub(super) fn new(target: Target, opened: Opened, is_only_target: bool, report: Report) -> Self {
        Self {
            is_only_stdout: is_only_target && target.is_stdout(),
            target,
            sink: opened.sink,
            holds_unflushed: opened.holds_unflushed,
            longest_outage: opened.longest_outage,
            possible_duplicates: opened.possible_duplicates,
            report,
            delivered: 0,
            known: 0,
            refused: 0,
            undelivered: 0,
            end: None,
        }
    }

    /// Sends the lines, in order, and waits until they have arrived. What fails and may succeed later is sent again as
    /// long as the patience lasts. Then the target is given up, and all that comes later counts as undelivered.
    ///
    /// Gives back what the target refused.
    pub(super) async fn deliver(&mut self, lines: &[Line], patience: &Patience) -> Vec<Refusal> {
        if self.end.is_some() {
            self.undelivered += lines.len() as u64;
            return Vec::new();
        }
        let mut batch = Batch {
            waiting: lines.iter().enumerate().collect(),
            accepted: 0,
            known: 0,
            refusals: Vec::new(),
        };
        let mut outage: Option<Outage<'_>> = None;
        let failure = loop {
            let waiting_before = batch.waiting.len();
            let Err(error) = self.send_and_flush(&mut batch).await else {
                break None;
            };
            if !error.is_retryable() {
                break Some(error);
            }
            if batch.waiting.is_empty() && !self.holds_unflushed && error.kind() == SinkErrorKind::Disconnected {
                batch.wait_again(lines);
            } else if batch.waiting.len() < waiting_before {
                // Something went through: the target is not down, only slow.
                outage = None;
            }
            let outage = outage
                .get_or_insert_with(|| patience.begin_outage(&self.report, &self.target, self.longest_outage, &error));
            if !outage.wait().await {
                break Some(error);
            }
        };
        self.refused += batch.refusals.len() as u64;
        self.known += batch.known;
        match failure {
            None => self.delivered += batch.accepted,
            Some(error) => self.end(&error, &batch, lines).await,
        }
        batch.refusals
    }

    /// Sends what waits, and when all of it was accepted waits until it has arrived. Afterwards there waits what has to
    /// be sent again, in order; the error is the first reason.
    async fn send_and_flush(&self, batch: &mut Batch<'_>) -> Result<(), SinkError> {
        if batch.waiting.is_empty() {
            return self.sink.flush().await;
        }
        let envelopes = batch.waiting.iter().map(|(_, line)| line.envelope.clone()).collect();
        let mut results = self.sink.send_batch(envelopes).await.into_iter();
        let mut failure = None;
        for (index, line) in std::mem::take(&mut batch.waiting) {
            match results.next().unwrap_or_else(|| Err(no_answer())) {
                Ok(receipt) => {
                    batch.accepted += 1;
                    batch.known += u64::from(is_duplicate(&receipt));
                }
                Err(error) if is_about_the_event(&error) => batch.refusals.push(Refusal {
                    index,
                    target: self.target.name().to_owned(),
                    reason: with_causes(&error),
                }),
                Err(error) => {
                    batch.waiting.push((index, line));
                    failure.get_or_insert(error);
                }
            }
        }
        match failure {
            None => self.sink.flush().await,
            Some(error) => Err(error),
        }
    }

    /// Sends nothing more. What was accepted of the last batch counts as delivered if it can still be flushed.
    async fn end(&mut self, error: &SinkError, batch: &Batch<'_>, lines: &[Line]) {
        // Where nothing waits, it was the flush that failed.
        let is_flushed = !batch.waiting.is_empty() && self.sink.flush().await.is_ok();
        let first_lost = if is_flushed {
            self.delivered += batch.accepted;
            batch.waiting.first().map(|(_, line)| *line)
        } else {
            self.undelivered += batch.accepted;
            lines.first()
        };
        self.undelivered += batch.waiting.len() as u64;
        let place = first_lost
            .map(|line| format!(" at {} or later", line.position))
            .unwrap_or_default();
        if error.kind() == SinkErrorKind::Closed {
            self.end = Some(End::Closed);
            if !self.is_only_stdout {
                self.report
                    .error(format_args!("{}: closed by its reader{place}", self.target.name()));
            }
        } else {
            self.end = Some(End::GivenUp);
            let reason = with_causes(error);
            self.report
                .error(format_args!("{}: given up{place}: {reason}", self.target.name()));
        }
    }

    /// Whether it still takes events.
    pub(super) fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// Whether the reader of standard output went away, and nobody else is there.
    pub(super) fn has_ended_quietly(&self) -> bool {
        self.is_only_stdout && self.end == Some(End::Closed)
    }

    /// Whether the target took everything that it was sent.
    pub(super) fn is_complete(&self) -> bool {
        self.is_open() && self.refused == 0
    }

    /// Gives the sink back what it owns.
    pub(super) async fn close(&mut self) {
        let result = self.sink.close().await;
        if let (Err(error), true) = (result, self.is_open()) {
            // All was flushed before, so nothing is lost that is known of; but it did not end well.
            self.end = Some(End::GivenUp);
            let text = format_args!("{}: {}", self.target.name(), with_causes(&error));
            self.report.error(text);
        }
    }

    /// The line of the summary; `malformed` is how many lines came to no target.
    pub(super) fn summary(&self, malformed: u64) -> String {
        let mut summary = format!("{} delivered to {}", count(self.delivered, "event"), self.target);
        if self.known > 0 {
            summary.push_str(&format!(", {} of them stored before", self.known));
        }
        let possible_duplicates = (self.possible_duplicates)();
        if possible_duplicates > 0 {
            summary.push_str(&format!(", {possible_duplicates} at most stored twice"));
        }
        if self.undelivered > 0 {
            summary.push_str(&format!(", {} not known to be delivered", self.undelivered));
        }
        let rejected = malformed + self.refused;
        if rejected > 0 {
            summary.push_str(&format!(", {} rejected", count(rejected, "line")));
        }
        summary
    }
}

/// What became of the lines of one batch so far.
struct Batch<'a> {
    /// What has to be sent, with its place in the batch.
    waiting: Vec<(usize, &'a Line)>,
    accepted: u64,
    /// How many of those the target had before.
    known: u64,
    refusals: Vec<Refusal>,
}

impl<'a> Batch<'a> {
    /// What was accepted may be lost: all has to be sent again but what the target refused.
    fn wait_again(&mut self, lines: &'a [Line]) {
        let is_refused = |index| self.refusals.iter().any(|refusal| refusal.index == index);
        self.waiting = lines
            .iter()
            .enumerate()
            .filter(|(index, _)| !is_refused(*index))
            .collect();
        self.accepted = 0;
        self.known = 0;
    }
}

/// Whether the target would take other events, but never this one.
fn is_about_the_event(error: &SinkError) -> bool {
    matches!(
        error.kind(),
        SinkErrorKind::Encode | SinkErrorKind::TooLarge | SinkErrorKind::Rejected
    )
}

/// Whether a broker had stored the event before, and so did not store it again.
fn is_duplicate(receipt: &Receipt) -> bool {
    matches!(receipt, Receipt::Stored(Stored { duplicate: true, .. }))
}

fn no_answer() -> SinkError {
    SinkError::new(SinkErrorKind::Fatal, "the sink did not answer for each event")
}

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use driver_events::stdout::Format;
use driver_events::{
    Delivery, DriverEventSink, DriverEventSource, Envelope, EventFilter, Observation, Position, SequenceTracker,
    SinkError, SinkErrorKind, SourceError, SourceErrorKind,
};
use tokio::time::timeout;

use crate::exit::Exit;
use crate::read_batch::read_batch;
use crate::report::{Report, with_causes};
use crate::target::stdout_sink;

/// Timeout of printing the last lines after a signal.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Prints selected events and reports missing, duplicate and malformed ones.
pub(super) struct Printer {
    sink: Arc<dyn DriverEventSink>,
    filter: EventFilter,
    tracker: SequenceTracker,
    report: Report,
    /// Number of events that may still be printed.
    remaining: u64,
    has_failed: bool,
}

/// Reason why printing stops before the source ends.
enum StopReason {
    CountReached,
    /// The reader of standard output closed it.
    ReaderClosed,
    /// The source or standard output failed; the error was reported.
    Failed,
}

impl Printer {
    pub(super) fn new(format: Format, filter: EventFilter, count: Option<u64>, report: Report) -> Self {
        Self {
            sink: stdout_sink(format),
            filter,
            tracker: SequenceTracker::default(),
            report,
            remaining: count.unwrap_or(u64::MAX),
            has_failed: false,
        }
    }

    /// Prints until the source ends or the count is reached. If the future is dropped, the last lines may not be written
    /// yet: see [`close`](Self::close).
    pub(super) async fn print_all(&mut self, source: &mut dyn DriverEventSource) -> Exit {
        loop {
            // A batch beyond the count would be lost for the next reader of the same input.
            let batch = read_batch(source, self.remaining).await;
            if batch.is_empty() {
                return Exit::failure_if(self.has_failed);
            }
            match self.print(batch).await {
                Ok(()) => {}
                Err(StopReason::ReaderClosed) => return Exit::Success,
                Err(StopReason::CountReached) => return Exit::failure_if(self.has_failed),
                Err(StopReason::Failed) => return Exit::Failure,
            }
        }
    }

    async fn print(&mut self, batch: Vec<Result<Delivery, SourceError>>) -> Result<(), StopReason> {
        let mut deliveries = Vec::with_capacity(batch.len());
        let mut selected = Vec::new();
        let mut failure = None;
        for item in batch {
            match item {
                Ok(delivery) => {
                    selected.extend(self.select(&delivery));
                    deliveries.push(delivery);
                }
                Err(error) => failure = Some(error),
            }
        }
        self.write(selected).await?;
        for delivery in deliveries {
            let malformed = delivery.envelope().err().map(|malformed| malformed.reason().to_owned());
            let settled = match malformed {
                None => delivery.ack().await,
                Some(reason) => delivery.reject(&reason).await,
            };
            if let Err(error) = settled {
                self.report
                    .warning(format_args!("cannot settle a delivery: {}", with_causes(&error)));
            }
        }
        if let Some(error) = failure {
            // Somebody must grant the permission first, and waits for the message.
            if !error.is_retryable() || error.kind() == SourceErrorKind::Unauthorized {
                self.report.error(with_causes(&error));
                return Err(StopReason::Failed);
            }
            self.has_failed |= error.kind() == SourceErrorKind::Lagged;
            self.report.warning(with_causes(&error));
        }
        if self.remaining == 0 {
            Err(StopReason::CountReached)
        } else {
            Ok(())
        }
    }

    /// Returns the event if the filter selects it. Reports a malformed one.
    fn select(&mut self, delivery: &Delivery) -> Option<(Position, Envelope)> {
        let position = delivery.position();
        match delivery.envelope() {
            Ok(envelope) => self.filter.selects(envelope).then(|| {
                self.report_sequence(position, envelope);
                (position.clone(), envelope.clone())
            }),
            Err(malformed) => {
                self.has_failed = true;
                if !malformed.is_continuation() {
                    let place = format_args!("{position}:{}", malformed.column());
                    self.report.line(format_args!("{place}: {}", malformed.reason()));
                }
                None
            }
        }
    }

    fn report_sequence(&mut self, position: &Position, envelope: &Envelope) {
        let observation = self.tracker.observe(envelope);
        let (Some(goal_id), Some(stamp)) = (envelope.goal_id(), envelope.stamp()) else {
            return;
        };
        let number = stamp.sequence;
        // With a filter, a gap is no loss.
        let is_unfiltered = self.filter.is_everything();
        let finding = match observation {
            Observation::Duplicate => format!("duplicate sequence number {number}"),
            Observation::Gap { missing } if is_unfiltered && missing.start() == missing.end() => {
                format!("missing sequence number {}", missing.start())
            }
            Observation::Gap { missing } if is_unfiltered => {
                format!("missing sequence numbers {} to {}", missing.start(), missing.end())
            }
            Observation::Late if is_unfiltered => format!("late sequence number {number}"),
            _ => return,
        };
        self.report
            .line(format_args!("{position}: goal {goal_id}, run {}: {finding}", stamp.run));
    }

    /// Prints the events and flushes standard output.
    async fn write(&mut self, selected: Vec<(Position, Envelope)>) -> Result<(), StopReason> {
        let (positions, envelopes): (Vec<_>, Vec<_>) = selected.into_iter().unzip();
        let results = self.sink.send_batch(envelopes).await;
        for (position, result) in positions.iter().zip(results) {
            match result {
                Ok(_) => self.remaining -= 1,
                Err(error) if error.kind() == SinkErrorKind::Rejected => {
                    self.report.line(format_args!("{position}: {}", with_causes(&error)));
                    self.has_failed = true;
                }
                Err(error) => return Err(self.stop_reason(&error)),
            }
        }
        self.sink.flush().await.map_err(|error| self.stop_reason(&error))
    }

    /// Reports the error unless the reader of standard output closed it.
    fn stop_reason(&self, error: &SinkError) -> StopReason {
        if error.kind() == SinkErrorKind::Closed {
            return StopReason::ReaderClosed;
        }
        self.report.error(format_args!("cannot print: {}", with_causes(error)));
        StopReason::Failed
    }

    /// Writes buffered lines, within a short timeout.
    pub(super) async fn close(&self) {
        // After the timeout the reader has stalled: there is nothing more to do.
        let _ = timeout(CLOSE_TIMEOUT, self.sink.close()).await;
    }
}

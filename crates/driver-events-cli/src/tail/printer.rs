use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{
    Delivery, DriverEventSink, Envelope, EventFilter, Observation, Position, SequenceTracker, SinkError, SinkErrorKind,
    SourceError, SourceErrorKind,
};
use driver_events_stdout::Format;
use tokio::time::timeout;

use super::origin::Source;
use crate::exit::Exit;
use crate::intake::take_ready;
use crate::report::{Report, with_causes};
use crate::target::stdout_sink;

/// How long the last lines may take when a signal ends the command.
const CLOSING: Duration = Duration::from_millis(500);

/// Prints what is selected, and tells of what is missing, doubled or malformed.
pub(super) struct Printer {
    sink: Arc<dyn DriverEventSink>,
    filter: EventFilter,
    tracker: SequenceTracker,
    report: Report,
    /// How many may still be printed.
    left: u64,
    has_failed: bool,
}

/// Why the printing is over before the source is.
enum End {
    /// As many were printed as were asked for.
    Enough,
    /// The reader of standard output went away.
    Unread,
    /// The source or standard output failed, and the person was told.
    Failed,
}

impl Printer {
    pub(super) fn new(format: Format, filter: EventFilter, count: Option<u64>, report: Report) -> Self {
        Self {
            sink: stdout_sink(format),
            filter,
            tracker: SequenceTracker::default(),
            report,
            left: count.unwrap_or(u64::MAX),
            has_failed: false,
        }
    }

    /// Prints until the source ends, or enough was printed. When the future is dropped, what was printed last may not
    /// be out yet: see [`close`](Self::close).
    pub(super) async fn print_all(&mut self, source: &mut Source) -> Exit {
        let goes_on = source.goes_on();
        loop {
            // What is taken and not printed would be lost to those who read on behind this one.
            let taken = take_ready(source, self.left).await;
            if taken.is_empty() {
                return Exit::failure_if(self.has_failed);
            }
            match self.print(taken, goes_on).await {
                Ok(()) => {}
                Err(End::Unread) => return Exit::Success,
                Err(End::Enough) => return Exit::failure_if(self.has_failed),
                Err(End::Failed) => return Exit::Failure,
            }
        }
    }

    async fn print(&mut self, taken: Vec<Result<Delivery, SourceError>>, source_goes_on: bool) -> Result<(), End> {
        let mut read = Vec::with_capacity(taken.len());
        let mut selected = Vec::new();
        let mut failure = None;
        for item in taken {
            match item {
                Ok(delivery) => {
                    selected.extend(self.select(&delivery));
                    read.push(delivery);
                }
                Err(error) => failure = Some(error),
            }
        }
        self.show(selected).await?;
        for delivery in read {
            let malformed = delivery.envelope().err().map(|malformed| malformed.reason().to_owned());
            let answered = match malformed {
                None => delivery.ack().await,
                Some(why) => delivery.reject(&why).await,
            };
            if let Err(error) = answered {
                self.report
                    .warning(format_args!("cannot acknowledge: {}", with_causes(&error)));
            }
        }
        if let Some(error) = failure {
            if !(source_goes_on && error.is_retryable()) {
                self.report.error(with_causes(&error));
                return Err(End::Failed);
            }
            self.has_failed |= error.kind() == SourceErrorKind::Lagged;
            self.report.warning(with_causes(&error));
        }
        if self.left == 0 { Err(End::Enough) } else { Ok(()) }
    }

    /// The event, if it is asked for. Tells of what is malformed.
    fn select(&mut self, delivery: &Delivery) -> Option<(Position, Envelope)> {
        let position = delivery.position();
        match delivery.envelope() {
            Ok(envelope) => self.filter.selects(envelope).then(|| {
                self.tell_of_numbers(position, envelope);
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

    fn tell_of_numbers(&mut self, position: &Position, envelope: &Envelope) {
        let observation = self.tracker.observe(envelope);
        let (Some(goal_id), Some(stamp)) = (envelope.goal_id(), envelope.stamp()) else {
            return;
        };
        let number = stamp.sequence;
        // What a filter left out is missing too, and is no loss.
        let is_whole = self.filter.is_everything();
        let what = match observation {
            Observation::Duplicate => format!("number {number} came before"),
            Observation::Gap { missing } if is_whole && missing.start() == missing.end() => {
                format!("number {} is missing", missing.start())
            }
            Observation::Gap { missing } if is_whole => {
                format!("numbers {} to {} are missing", missing.start(), missing.end())
            }
            Observation::Late if is_whole => format!("number {number} is late"),
            _ => return,
        };
        self.report
            .line(format_args!("{position}: goal {goal_id}, run {}: {what}", stamp.run));
    }

    /// Prints the events and waits until they are out.
    async fn show(&mut self, selected: Vec<(Position, Envelope)>) -> Result<(), End> {
        let (positions, envelopes): (Vec<_>, Vec<_>) = selected.into_iter().unzip();
        let results = self.sink.send_batch(envelopes).await;
        for (position, result) in positions.iter().zip(results) {
            match result {
                Ok(_) => self.left -= 1,
                Err(error) if error.kind() == SinkErrorKind::Rejected => {
                    self.report.line(format_args!("{position}: {}", with_causes(&error)));
                    self.has_failed = true;
                }
                Err(error) => return Err(self.give_up(&error)),
            }
        }
        self.sink.flush().await.map_err(|error| self.give_up(&error))
    }

    fn give_up(&self, error: &SinkError) -> End {
        if error.kind() == SinkErrorKind::Closed {
            return End::Unread;
        }
        self.report.error(format_args!("cannot print: {}", with_causes(error)));
        End::Failed
    }

    /// Brings out what was printed, within a short time.
    pub(super) async fn close(&self) {
        // Whoever does not read by then has stopped reading.
        let _ = timeout(CLOSING, self.sink.close()).await;
    }
}

use std::ops::ControlFlow;

use driver_events_core::{Delivery, DriverEventSource, Envelope, Malformed, Position, SourceError};
use futures_util::future::join_all;
use indicatif::ProgressBar;

use super::lane::{Lane, Line, Refusal};
use super::line_ids::LineIds;
use super::patience::Patience;
use super::rejects::Rejects;
use crate::exit::Exit;
use crate::intake::take_ready;
use crate::report::{Report, with_causes};

/// Takes the lines of a source to every target, a batch after the other.
pub(super) struct Publisher {
    lanes: Vec<Lane>,
    rejects: Option<Rejects>,
    ids: LineIds,
    patience: Patience,
    report: Report,
    bar: ProgressBar,
    /// How many lines are no events.
    malformed: u64,
    /// The source or the file of rejects failed.
    has_failed: bool,
    /// The last line that was dealt with, from 1.
    last_line: u64,
}

impl Publisher {
    pub(super) fn new(
        lanes: Vec<Lane>,
        rejects: Option<Rejects>,
        ids: LineIds,
        patience: Patience,
        report: Report,
        bar: ProgressBar,
    ) -> Self {
        Self {
            lanes,
            rejects,
            ids,
            patience,
            report,
            bar,
            malformed: 0,
            has_failed: false,
            last_line: 0,
        }
    }

    /// Publishes until the source ends, a signal comes, or nothing more can be done; `name` is the source's.
    pub(super) async fn run(mut self, mut source: impl DriverEventSource, name: &str) -> Exit {
        let mut is_cut_short = false;
        let signal = loop {
            let taken = tokio::select! {
                biased;
                signal = self.patience.stop.requested() => break Some(signal),
                taken = take_ready(&mut source, u64::MAX) => taken,
            };
            if taken.is_empty() {
                break None;
            }
            if self.publish(taken).await.is_break() {
                is_cut_short = true;
                break self.patience.stop.signal();
            }
        };
        self.bar.finish_and_clear();
        if self.lanes.iter().any(Lane::has_ended_quietly) {
            return signal.map_or(Exit::failure_if(self.has_failed), Exit::Stopped);
        }
        join_all(self.lanes.iter_mut().map(Lane::close)).await;
        if is_cut_short || signal.is_some() {
            match self.last_line {
                0 => self
                    .report
                    .line(format_args!("stopped before the first line of {name}")),
                line => self.report.line(format_args!("stopped after line {line} of {name}")),
            }
        }
        for lane in &self.lanes {
            self.report.line(lane.summary(self.malformed));
        }
        match signal {
            Some(signal) => Exit::Stopped(signal),
            None => {
                let is_complete = self.lanes.iter().all(Lane::is_complete);
                Exit::failure_if(self.has_failed || self.malformed > 0 || !is_complete)
            }
        }
    }

    /// Publishes one batch. A break: there is no use in going on.
    async fn publish(&mut self, taken: Vec<Result<Delivery, SourceError>>) -> ControlFlow<()> {
        let mut lines = Vec::with_capacity(taken.len());
        let mut last_line = self.last_line;
        let mut bytes_read = self.bar.position();
        let mut reading = Ok(());
        for item in taken {
            reading = match item {
                Ok(delivery) => self.sort(&delivery, &mut lines).map(|()| {
                    (last_line, bytes_read) = line_and_end(&delivery);
                }),
                Err(error) => Err(with_causes(&error)),
            };
            if reading.is_err() {
                break;
            }
        }
        let delivering = self.deliver(&lines).await;
        self.bar.set_position(bytes_read);
        if self.lanes.iter().any(Lane::is_open) {
            self.last_line = last_line;
        }
        for error in [reading, delivering].into_iter().filter_map(Result::err) {
            self.report.error(error);
            self.has_failed = true;
        }
        if self.has_failed || !self.lanes.iter().any(Lane::is_open) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Puts an event to the lines to send, and tells of what is none.
    fn sort(&mut self, delivery: &Delivery, lines: &mut Vec<Line>) -> Result<(), String> {
        match delivery.envelope() {
            Ok(envelope) => {
                let raw = delivery.raw().cloned().unwrap_or_default();
                lines.push(Line {
                    envelope: self.with_id(envelope, &raw, delivery),
                    position: delivery.position().clone(),
                    raw,
                });
                Ok(())
            }
            Err(malformed) => self.reject(malformed, delivery.position()),
        }
    }

    /// A bare event, whose line is its JSON and nothing else, gets the line's id. A CloudEvent has its own.
    fn with_id(&mut self, envelope: &Envelope, raw: &[u8], delivery: &Delivery) -> Envelope {
        let line = without_ending(raw);
        let is_bare = envelope.json().is_ok_and(|json| json == line);
        if is_bare {
            let (number, _) = line_and_end(delivery);
            envelope.clone().with_id(self.ids.id(number, line))
        } else {
            envelope.clone()
        }
    }

    fn reject(&mut self, malformed: &Malformed, position: &Position) -> Result<(), String> {
        if malformed.is_continuation() {
            return self
                .rejects
                .as_mut()
                .map_or(Ok(()), |rejects| rejects.go_on(malformed.raw()));
        }
        self.malformed += 1;
        self.report.line(format_args!(
            "{position}:{}: {}",
            malformed.column(),
            malformed.reason()
        ));
        self.rejects
            .as_mut()
            .map_or(Ok(()), |rejects| rejects.begin(malformed.raw()))
    }

    /// Sends the lines to every target at once, and tells of what some target refused.
    async fn deliver(&mut self, lines: &[Line]) -> Result<(), String> {
        if lines.is_empty() {
            return Ok(());
        }
        let patience = &self.patience;
        let refusals = join_all(self.lanes.iter_mut().map(|lane| lane.deliver(lines, patience))).await;
        let mut refusals: Vec<_> = refusals.into_iter().flatten().collect();
        refusals.sort_by_key(|refusal| refusal.index);
        let mut last_kept = None;
        for Refusal { index, target, reason } in refusals {
            let Some(line) = lines.get(index) else { continue };
            self.report.line(format_args!("{}: {target}: {reason}", line.position));
            if let Some(rejects) = &mut self.rejects
                && last_kept != Some(index)
            {
                rejects.begin(&line.raw)?;
                last_kept = Some(index);
            }
        }
        Ok(())
    }
}

/// The number of the delivery's line, from 1, and where it ends, in bytes from 0.
fn line_and_end(delivery: &Delivery) -> (u64, u64) {
    let length = delivery.raw().map_or(0, |raw| raw.len() as u64);
    match delivery.position() {
        Position::Line { line, offset, .. } => (*line, offset + length),
        // Only lines are published.
        _ => (0, 0),
    }
}

fn without_ending(line: &[u8]) -> &[u8] {
    match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text,
        text => text,
    }
}

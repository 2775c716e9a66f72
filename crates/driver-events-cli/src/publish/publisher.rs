use std::ops::ControlFlow;

use driver_events::{Delivery, DriverEventSource, Envelope, Malformed, Position, SourceError};
use futures_util::future::join_all;
use indicatif::ProgressBar;

use super::line_ids::LineIds;
use super::rejects::Rejects;
use super::retry_policy::RetryPolicy;
use super::target_worker::{Line, Rejection, TargetWorker};
use crate::exit::Exit;
use crate::read_batch::read_batch;
use crate::report::{Report, with_causes};

/// Publishes the lines of a source to all targets, batch by batch.
pub(super) struct Publisher {
    workers: Vec<TargetWorker>,
    rejects: Option<Rejects>,
    ids: LineIds,
    retry_policy: RetryPolicy,
    report: Report,
    bar: ProgressBar,
    /// Number of malformed lines.
    malformed: u64,
    /// Whether reading or writing rejects has failed.
    has_failed: bool,
    /// Number of the last processed line, from 1.
    last_line: u64,
}

impl Publisher {
    pub(super) fn new(
        workers: Vec<TargetWorker>,
        rejects: Option<Rejects>,
        ids: LineIds,
        retry_policy: RetryPolicy,
        report: Report,
        bar: ProgressBar,
    ) -> Self {
        Self {
            workers,
            rejects,
            ids,
            retry_policy,
            report,
            bar,
            malformed: 0,
            has_failed: false,
            last_line: 0,
        }
    }

    /// Publishes until the source ends, a signal arrives or no target is open. `name` is the name of the source.
    pub(super) async fn run(mut self, mut source: impl DriverEventSource, name: &str) -> Exit {
        let mut is_cut_short = false;
        let signal = loop {
            let batch = tokio::select! {
                biased;
                signal = self.retry_policy.shutdown.requested() => break Some(signal),
                batch = read_batch(&mut source, u64::MAX) => batch,
            };
            if batch.is_empty() {
                break None;
            }
            if self.publish(batch).await.is_break() {
                is_cut_short = true;
                break self.retry_policy.shutdown.signal();
            }
        };
        self.bar.finish_and_clear();
        if self.workers.iter().any(TargetWorker::has_ended_quietly) {
            return signal.map_or(Exit::failure_if(self.has_failed), Exit::Stopped);
        }
        join_all(self.workers.iter_mut().map(TargetWorker::close)).await;
        if is_cut_short || signal.is_some() {
            self.report.line(match self.last_line {
                0 if self.workers.iter().any(TargetWorker::has_accepted) => {
                    format!("stopped at line 1 of {name} or later")
                }
                0 => format!("stopped before the first line of {name}"),
                line => format!("stopped after line {line} of {name}"),
            });
        }
        for worker in &self.workers {
            self.report.line(worker.summary(self.malformed));
        }
        match signal {
            Some(signal) => Exit::Stopped(signal),
            None => {
                let is_complete = self.workers.iter().all(TargetWorker::is_complete);
                Exit::failure_if(self.has_failed || self.malformed > 0 || !is_complete)
            }
        }
    }

    /// Publishes one batch. Breaks if publishing cannot continue.
    async fn publish(&mut self, batch: Vec<Result<Delivery, SourceError>>) -> ControlFlow<()> {
        let mut lines = Vec::with_capacity(batch.len());
        let mut last_line = self.last_line;
        let mut bytes_read = self.bar.position();
        let mut read_result = Ok(());
        for item in batch {
            read_result = match item {
                Ok(delivery) => self.collect(&delivery, &mut lines).map(|()| {
                    (last_line, bytes_read) = line_and_end(&delivery);
                }),
                Err(error) => Err(with_causes(&error)),
            };
            if read_result.is_err() {
                break;
            }
        }
        let deliver_result = self.deliver(&lines).await;
        self.bar.set_position(bytes_read);
        if self.workers.iter().any(TargetWorker::is_open) {
            self.last_line = last_line;
        } else {
            let confirmed = self.workers.iter().filter_map(TargetWorker::last_confirmed);
            self.last_line = confirmed.fold(self.last_line, u64::max);
        }
        for error in [read_result, deliver_result].into_iter().filter_map(Result::err) {
            self.report.error(error);
            self.has_failed = true;
        }
        if self.has_failed || !self.workers.iter().any(TargetWorker::is_open) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Adds an event to `lines`, or rejects a malformed line.
    fn collect(&mut self, delivery: &Delivery, lines: &mut Vec<Line>) -> Result<(), String> {
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

    /// Sets the line id of a bare event, whose line is its JSON and nothing else. A CloudEvent keeps its id.
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
                .map_or(Ok(()), |rejects| rejects.append(malformed.raw()));
        }
        self.malformed += 1;
        self.report.line(format_args!(
            "{position}:{}: {}",
            malformed.column(),
            malformed.reason()
        ));
        self.rejects
            .as_mut()
            .map_or(Ok(()), |rejects| rejects.start_line(malformed.raw()))
    }

    /// Sends the lines to all targets concurrently and reports the events that a target rejected.
    async fn deliver(&mut self, lines: &[Line]) -> Result<(), String> {
        if lines.is_empty() {
            return Ok(());
        }
        let retry_policy = &self.retry_policy;
        let deliveries = self
            .workers
            .iter_mut()
            .map(|worker| worker.deliver(lines, retry_policy));
        let mut rejections: Vec<_> = join_all(deliveries).await.into_iter().flatten().collect();
        rejections.sort_by_key(|rejection| rejection.index);
        let mut last_kept = None;
        for Rejection { index, target, reason } in rejections {
            let Some(line) = lines.get(index) else { continue };
            self.report.line(format_args!("{}: {target}: {reason}", line.position));
            if let Some(rejects) = &mut self.rejects
                && last_kept != Some(index)
            {
                rejects.start_line(&line.raw)?;
                last_kept = Some(index);
            }
        }
        Ok(())
    }
}

/// Returns the line number, from 1, and the byte offset of the line's end.
fn line_and_end(delivery: &Delivery) -> (u64, u64) {
    let length = delivery.raw().map_or(0, |raw| raw.len() as u64);
    match delivery.position() {
        Position::Line { line, offset, .. } => (*line, offset + length),
        // The input consists of lines.
        _ => (0, 0),
    }
}

fn without_ending(line: &[u8]) -> &[u8] {
    match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text,
        text => text,
    }
}

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{Backoff, DriverEventSink, Guarantee, SinkError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::calls::{Calls, Finished};
use super::open_target::OpenTarget;
use super::reader::Reader;
use super::recorder::{Commit, EndedCall, Recorded, Recorder, Unrecorded};
use super::status::{Reporter, with_causes};
use super::target::Target;
use super::window::{Item, Window};
use crate::store::read::Page;
use crate::store::store_error::StoreError;
use crate::store::targets::Progress;
use crate::writer::file_state::FileState;
use crate::writer::handle::WriterHandle;

/// Maximum number of calls in flight, and of events in each.
const MAX_CALLS: usize = 4;
const MAX_BATCH: usize = 1_024;
/// Time between two attempts to read the file or to write to it.
const FILE_RETRY: Duration = Duration::from_secs(1);

/// Delivers the events of the file to one target.
pub(super) struct Worker {
    target: OpenTarget,
    reporter: Reporter,
    backoff: Backoff,
    writer: WriterHandle,
    file: watch::Receiver<FileState>,
    closing: watch::Receiver<bool>,
    reader: Reader,
    /// File to which the window belongs.
    epoch: u64,
    window: Window,
    calls: Calls,
    recorder: Recorder,
    /// Calls in a row that delivered nothing, and when the next call may start.
    failures: u32,
    paused_until: Option<Instant>,
    /// When the file may be read again after an error.
    read_after: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        target: Target,
        reporter: Reporter,
        backoff: Backoff,
        (writer, path): (WriterHandle, PathBuf),
        closing: watch::Receiver<bool>,
    ) -> Self {
        let file = writer.state().clone();
        let progress = reporter.progress();
        Self {
            target: OpenTarget::new(target),
            reader: Reader::new(path, Arc::clone(reporter.name())),
            recorder: Recorder::new(Arc::clone(reporter.name()), writer.clone()),
            reporter,
            backoff,
            writer,
            file,
            closing,
            // The progress is that of the first file.
            epoch: 0,
            window: Window::starting_at(progress.cursor),
            calls: Calls::default(),
            failures: 0,
            paused_until: None,
            read_after: None,
        }
    }

    /// Runs until the spool closes. Returns the sink, to be closed.
    pub(super) async fn run(mut self) -> Option<Arc<dyn DriverEventSink>> {
        loop {
            let last = self.follow_file();
            self.recorder.start(self.epoch, self.window.cursor(), FILE_RETRY);
            let mut due = None;
            if *self.closing.borrow_and_update() {
                // The reader's connection too: the one that closes last copies the log into the database.
                if self.calls.is_empty() && self.recorder.is_idle() && !self.reader.is_reading() {
                    return self.target.into_sink();
                }
            } else {
                self.start_reading(last);
                self.start_calls();
                due = self.next_due();
            }
            tokio::select! {
                finished = self.calls.next(), if !self.calls.is_empty() => {
                    if let Some(finished) = finished {
                        self.finish(finished);
                    }
                }
                opened = self.target.opened() => {
                    if let Err(error) = opened {
                        self.fail(&error);
                    }
                }
                page = self.reader.next() => self.add_page(page?),
                recorded = self.recorder.next() => self.recorded(recorded),
                // During a pause new events change nothing: no wake-up for each of them.
                changed = self.file.changed(), if !self.is_paused() => {
                    if changed.is_err() {
                        return self.target.into_sink();
                    }
                }
                changed = self.closing.changed() => {
                    if changed.is_err() {
                        return self.target.into_sink();
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    /// Returns the position of the last event. Starts again if the file was replaced, once what was read from the old one is
    /// delivered.
    fn follow_file(&mut self) -> i64 {
        let (epoch, last) = {
            let state = self.file.borrow_and_update();
            (state.epoch, state.last)
        };
        let has_ended = self.window.len() == 0 && self.recorder.is_idle() && !self.reader.is_reading();
        if epoch != self.epoch && has_ended {
            self.epoch = epoch;
            self.window = Window::starting_at(0);
            self.reader.reopen();
            self.read_after = None;
            self.reporter.advance(epoch, Progress::default(), &self.window, 0);
        }
        last
    }

    /// Starts to read events up to `last`, if the window needs some.
    fn start_reading(&mut self, last: i64) {
        let is_replaced = self.file.borrow().epoch != self.epoch;
        // While the target fails, the events that wait are enough to try it.
        let has_enough = self.failures > 0 && self.window.len() > 0;
        if is_replaced || has_enough || self.reader.is_reading() {
            return;
        }
        if self.read_after.is_some_and(|after| after > Instant::now()) {
            return;
        }
        self.read_after = None;
        if self.window.has_room() && self.window.end() < last {
            self.reader.start(self.window.end(), last);
        }
    }

    /// Moves the events that were read into the window.
    fn add_page(&mut self, page: Result<Page, StoreError>) {
        if self.file.borrow().epoch != self.epoch {
            self.read_after = None;
            return;
        }
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                if error.is_corrupt() {
                    self.writer.report_damage(self.epoch);
                }
                self.reporter.file_failed(error.with_cause());
                self.read_after = Some(Instant::now() + FILE_RETRY);
                return;
            }
        };
        let mut damaged = Unrecorded::default();
        for event in page.events {
            match event.content {
                Ok(envelope) => {
                    let position = event.position;
                    let item = Item { position, envelope };
                    self.window.push(item, event.spooled_at, event.bytes);
                }
                Err(reason) => damaged.bury(event.position, "damaged", reason),
            }
        }
        self.window.read_to(page.end);
        self.settle(damaged);
        self.pass_others();
    }

    /// Reports the cursor behind events that are for other targets, which need no commit.
    fn pass_others(&mut self) {
        let mut progress = self.reporter.progress();
        if self.recorder.is_idle() {
            progress.cursor = self.window.cursor();
        }
        let unrecorded = self.recorder.unrecorded();
        self.reporter.advance(self.epoch, progress, &self.window, unrecorded);
    }

    /// Starts as many calls as may be in flight.
    fn start_calls(&mut self) {
        if self.is_paused() {
            return;
        }
        self.paused_until = None;
        self.target.open();
        while let Some(sink) = self.free_sink() {
            // A target that fails is probed with one event.
            let max = if self.failures == 0 { MAX_BATCH } else { 1 };
            let items = self.window.take(sink.batch_order(), max, Instant::now());
            if items.is_empty() {
                return;
            }
            self.calls.send(sink, items);
        }
    }

    /// Returns the sink if it is open and another call may be in flight. One at a time goes to a target that fails, and to a sink
    /// whose `flush` confirms the events of all calls, since it reports a failure once.
    fn free_sink(&self) -> Option<Arc<dyn DriverEventSink>> {
        let sink = self.target.sink()?;
        let is_concurrent = self.failures == 0 && sink.guarantee() > Guarantee::Buffered;
        let max = if is_concurrent { MAX_CALLS } else { 1 };
        (self.calls.len() < max).then(|| Arc::clone(sink))
    }

    /// Returns whether the target failed and its backoff is not over.
    fn is_paused(&self) -> bool {
        self.paused_until.is_some_and(|until| until > Instant::now())
    }

    /// Records a call without success.
    fn fail(&mut self, error: &SinkError) {
        self.reporter.failed(error);
        self.failures = self.failures.saturating_add(1);
        self.paused_until = Some(Instant::now() + self.backoff.delay(self.failures));
    }

    fn finish(&mut self, finished: Finished) {
        let mut settled = Unrecorded::default();
        let mut failed = Vec::new();
        // The first error that is not about an event: it is the cause, others of its goal follow from it.
        let mut cause: Option<SinkError> = None;
        for (item, result) in finished.items.iter().zip(finished.results) {
            match result {
                Ok(_) => settled.positions.push(item.position),
                Err(error) if error.is_about_event() => {
                    settled.bury(item.position, error.kind().as_str(), with_causes(&error));
                }
                Err(error) => {
                    failed.push(item.clone());
                    cause.get_or_insert(error);
                }
            }
        }
        let is_failure = settled.positions.is_empty();
        let sent = finished.items;
        settled.calls.push(EndedCall { sent, failed });
        if let Some(error) = &cause {
            if !error.is_retryable() {
                self.target.replace(&finished.sink);
            }
            if is_failure {
                self.fail(error);
            }
        }
        if is_failure {
            self.release(settled.calls);
        } else {
            self.reporter.succeeded();
            (self.failures, self.paused_until) = (0, None);
            self.settle(settled);
        }
    }

    /// Lets the goals of these calls go on.
    fn release(&mut self, calls: Vec<EndedCall>) {
        let backoff = self.backoff;
        let delay = |failures| Instant::now() + backoff.delay(failures);
        for EndedCall { sent, failed } in calls {
            self.window.finish(&sent, failed, delay);
        }
    }

    /// Takes settled events from the window, and has them recorded.
    fn settle(&mut self, settled: Unrecorded) {
        for position in &settled.positions {
            self.window.settle(*position);
        }
        for letter in &settled.dead {
            let reason = &letter.reason;
            tracing::error!(
                target = &**self.reporter.name(),
                position = letter.position,
                reason,
                "event is a dead letter"
            );
        }
        self.recorder.add(settled);
    }

    fn recorded(&mut self, recorded: Recorded) {
        match recorded {
            Recorded::Written(Commit {
                epoch,
                settlement,
                calls,
                ..
            }) => {
                self.release(calls);
                let mut progress = self.reporter.progress();
                progress.cursor = settlement.cursor;
                progress.delivered += settlement.delivered;
                progress.dead += settlement.dead.len() as u64;
                let unrecorded = self.recorder.unrecorded();
                self.reporter.advance(epoch, progress, &self.window, unrecorded);
                self.pass_others();
            }
            Recorded::Obsolete(commit) => self.release(commit.calls),
            Recorded::Failed(error) => {
                let error = format!("deliveries cannot be recorded: {error}");
                self.reporter.file_failed(error);
            }
        }
    }

    /// Returns when the next call may start, or the file may be read. An instant that has passed is due at once.
    fn next_due(&self) -> Option<Instant> {
        let call = self
            .paused_until
            .or_else(|| self.window.next_due().filter(|_| self.free_sink().is_some()));
        call.into_iter().chain(self.read_after).min()
    }
}

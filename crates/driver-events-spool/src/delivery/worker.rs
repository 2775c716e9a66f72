use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{Backoff, DriverEventSink, Guarantee, SinkError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::calls::{Calls, Finished};
use super::reader::Reader;
use super::status::{Reporter, with_causes};
use super::target::Target;
use super::window::{Item, Window};
use crate::store::settle::{DeadLetter, Settlement};
use crate::store::targets::Progress;
use crate::writer::file_state::FileState;
use crate::writer::handle::{SettleError, WriterHandle};

/// Maximum number of calls in flight, and of events in each.
const MAX_CALLS: usize = 4;
const MAX_BATCH: usize = 1_024;
/// Time between two attempts to read the file or to write to it.
const FILE_RETRY: Duration = Duration::from_secs(1);

/// Delivers the events of the file to one target.
#[derive(Debug)]
pub(super) struct Worker {
    target: Target,
    sink: Option<Arc<dyn DriverEventSink>>,
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
    /// Calls in a row that delivered nothing, and when the next call may start.
    failures: u32,
    paused_until: Option<Instant>,
    /// When the file may be read again after an error.
    read_after: Option<Instant>,
}

/// Fates of the events of a call.
#[derive(Debug, Default)]
struct Outcome {
    settled: Vec<i64>,
    delivered: u64,
    dead: Vec<DeadLetter>,
    failed: Vec<Item>,
    /// The first error that is not about an event.
    error: Option<SinkError>,
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
            target,
            sink: None,
            reader: Reader::new(path, Arc::clone(reporter.name())),
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
            let mut due = None;
            if *self.closing.borrow_and_update() {
                if self.calls.is_empty() {
                    return self.sink;
                }
            } else {
                self.read(last).await?;
                self.start_calls().await;
                due = self.next_due();
            }
            tokio::select! {
                finished = self.calls.next(), if !self.calls.is_empty() => {
                    if let Some(finished) = finished {
                        self.finish(finished).await;
                    }
                }
                changed = self.file.changed() => {
                    if changed.is_err() {
                        return self.sink;
                    }
                }
                changed = self.closing.changed() => {
                    if changed.is_err() {
                        return self.sink;
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
        if epoch != self.epoch && self.window.len() == 0 {
            self.epoch = epoch;
            self.window = Window::starting_at(0);
            self.reader.reopen();
            self.read_after = None;
            self.reporter.advance(epoch, Progress::default(), &self.window);
        }
        last
    }

    /// Reads events up to `last` into the window. Returns `None` if the runtime shuts down.
    async fn read(&mut self, last: i64) -> Option<()> {
        let is_replaced = self.file.borrow().epoch != self.epoch;
        if is_replaced {
            self.read_after = None;
            return Some(());
        }
        if self.read_after.is_some_and(|after| after > Instant::now()) {
            return Some(());
        }
        self.read_after = None;
        let mut damaged = Outcome::default();
        while self.window.has_room() && self.window.end() < last {
            let page = self.reader.page(self.window.end(), last).await?;
            if self.file.borrow().epoch != self.epoch {
                return Some(());
            }
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    if error.is_corrupt() {
                        self.writer.report_damage(self.epoch);
                    }
                    self.reporter.file_failed(error.with_cause());
                    self.read_after = Some(Instant::now() + FILE_RETRY);
                    break;
                }
            };
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
        }
        if damaged.dead.is_empty() {
            // Also past events that are for other targets.
            let mut progress = self.reporter.progress();
            progress.cursor = self.window.cursor();
            self.reporter.advance(self.epoch, progress, &self.window);
        } else {
            self.record(damaged).await;
        }
        Some(())
    }

    async fn start_calls(&mut self) {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until > now) {
            return;
        }
        self.paused_until = None;
        loop {
            let Some(sink) = self.open_sink().await else {
                return;
            };
            if self.calls.len() >= self.max_calls() {
                return;
            }
            let items = self.window.take(sink.batch_order(), MAX_BATCH, Instant::now());
            if items.is_empty() {
                return;
            }
            self.calls.send(sink, items);
        }
    }

    /// Returns the maximum number of calls in flight: one for a target that fails, and for a sink whose `flush` confirms the events
    /// of all calls, since it reports a failure once.
    fn max_calls(&self) -> usize {
        let confirms_each_call = |sink: &Arc<dyn DriverEventSink>| sink.guarantee() > Guarantee::Buffered;
        match &self.sink {
            Some(sink) if self.failures == 0 && confirms_each_call(sink) => MAX_CALLS,
            _ => 1,
        }
    }

    async fn open_sink(&mut self) -> Option<Arc<dyn DriverEventSink>> {
        if let Some(sink) = &self.sink {
            return Some(Arc::clone(sink));
        }
        match self.target.open().await {
            Ok(sink) => {
                self.sink = Some(Arc::clone(&sink));
                Some(sink)
            }
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    /// Records a call without success.
    fn fail(&mut self, error: &SinkError) {
        self.reporter.failed(error);
        self.failures = self.failures.saturating_add(1);
        self.paused_until = Some(Instant::now() + self.backoff.delay(self.failures));
    }

    async fn finish(&mut self, finished: Finished) {
        let mut outcome = Outcome::default();
        for (item, result) in finished.items.iter().zip(finished.results) {
            match result {
                Ok(_) => {
                    outcome.settled.push(item.position);
                    outcome.delivered += 1;
                }
                Err(error) if error.is_about_event() => {
                    outcome.bury(item.position, error.kind().as_str(), with_causes(&error));
                }
                Err(error) => {
                    outcome.failed.push(item.clone());
                    // The first one is the cause, others of its goal follow from it.
                    outcome.error.get_or_insert(error);
                }
            }
        }
        let backoff = self.backoff;
        let delay = |failures| Instant::now() + backoff.delay(failures);
        self.window
            .finish(&finished.items, std::mem::take(&mut outcome.failed), delay);
        if let Some(error) = &outcome.error {
            if !error.is_retryable() && self.target.is_replaceable() {
                self.sink = None;
            }
            if outcome.settled.is_empty() {
                self.fail(error);
            }
        }
        if !outcome.settled.is_empty() {
            self.reporter.succeeded();
            (self.failures, self.paused_until) = (0, None);
            self.record(outcome).await;
        }
    }

    /// Writes the settled events to the file. Repeats it until it succeeds: events that were delivered and are not recorded
    /// are delivered again after a crash.
    async fn record(&mut self, outcome: Outcome) {
        for position in &outcome.settled {
            self.window.settle(*position);
        }
        let cursor = self.window.cursor();
        let mut progress = self.reporter.progress();
        progress.cursor = cursor;
        progress.delivered += outcome.delivered;
        progress.dead += outcome.dead.len() as u64;
        for letter in &outcome.dead {
            let reason = &letter.reason;
            tracing::error!(
                target = &**self.reporter.name(),
                position = letter.position,
                reason,
                "event is a dead letter"
            );
        }
        let settlement = Settlement {
            target: Arc::clone(self.reporter.name()),
            cursor,
            ahead: outcome
                .settled
                .into_iter()
                .filter(|position| *position > cursor)
                .collect(),
            delivered: outcome.delivered,
            dead: outcome.dead,
        };
        loop {
            match self.writer.settle(self.epoch, settlement.clone()).await {
                Ok(()) => break,
                Err(SettleError::Stale | SettleError::Ended) => return,
                Err(SettleError::Failed(error)) => {
                    self.reporter
                        .file_failed(format!("deliveries cannot be recorded: {error}"));
                    sleep(FILE_RETRY).await;
                }
            }
        }
        self.reporter.advance(self.epoch, progress, &self.window);
    }

    /// Returns when the next call may start, or the file may be read. An instant that has passed is due at once.
    fn next_due(&self) -> Option<Instant> {
        let can_call = self.calls.len() < self.max_calls();
        let call = self
            .paused_until
            .or_else(|| self.window.next_due().filter(|_| can_call));
        call.into_iter().chain(self.read_after).min()
    }
}

impl Outcome {
    fn bury(&mut self, position: i64, error: &'static str, reason: String) {
        self.settled.push(position);
        self.dead.push(DeadLetter {
            position,
            error,
            reason,
        });
    }
}

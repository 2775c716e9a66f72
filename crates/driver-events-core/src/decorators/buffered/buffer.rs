use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use super::on_full::{DropReason, DroppedEvent, OnDrop, OnFull};
use super::queue::{Evict, Queue};
use super::stats::BufferedStats;
use crate::decorators::failure_log::FailureLog;
use crate::decorators::telemetry::{Telemetry, kind_label};
use crate::envelope::Envelope;
use crate::lock::lock;
use crate::sink::receipt::Receipt;
use crate::sink::sink_error::{Fate, SinkError, SinkErrorKind};

/// Maximum number of events that the inner sink gets at a time.
const BATCH: usize = 1_024;

/// What the callers and the worker share.
pub(super) struct Buffer {
    pub(super) name: String,
    on_full: OnFull,
    on_drop: Option<Box<OnDrop>>,
    state: Mutex<State>,
    /// Notified when the worker has something to do.
    work: Notify,
    /// Notified when events have left the buffer or are settled.
    progress: Notify,
    log: FailureLog,
    telemetry: Telemetry,
}

struct State {
    queue: Queue,
    stats: BufferedStats,
    /// Number of the oldest event that the inner sink is sending.
    sending: Option<u64>,
    /// Accepted events that were dropped since the last flush, and the last error.
    lost: u64,
    last_error: Option<SinkError>,
    end: End,
}

/// How far the sink is closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    /// The worker sends what is left.
    Closed,
    /// The worker has ended.
    Ended,
}

/// Result of an attempt to accept an event.
enum Admission {
    Accepted,
    Wait,
}

impl Buffer {
    pub(super) fn new(name: String, queue: Queue, on_full: OnFull, on_drop: Option<Box<OnDrop>>) -> Self {
        Self {
            telemetry: Telemetry::new(name.as_str()),
            name,
            on_full,
            on_drop,
            state: Mutex::new(State {
                queue,
                stats: BufferedStats::default(),
                sending: None,
                lost: 0,
                last_error: None,
                end: End::Open,
            }),
            work: Notify::new(),
            progress: Notify::new(),
            log: FailureLog::default(),
        }
    }

    pub(super) fn stats(&self) -> BufferedStats {
        let state = lock(&self.state);
        BufferedStats {
            queued: state.queue.len(),
            queued_bytes: state.queue.bytes(),
            ..state.stats.clone()
        }
    }

    /// Accepts an event, when there is room.
    pub(super) async fn accept(&self, envelope: Envelope, bytes: usize) -> Result<(), SinkError> {
        loop {
            // Created before the check, so that room that is made between the check and the wait is not missed.
            let progress = self.progress.notified();
            match self.admit(&envelope, bytes)? {
                Admission::Accepted => {
                    self.work.notify_one();
                    return Ok(());
                }
                Admission::Wait => progress.await,
            }
        }
    }

    fn admit(&self, envelope: &Envelope, bytes: usize) -> Result<Admission, SinkError> {
        let mut state = lock(&self.state);
        match state.end {
            End::Open => {}
            End::Closed => return Err(SinkError::new(SinkErrorKind::Closed, "the buffered sink is closed")),
            End::Ended => return Err(ended()),
        }
        let evicted = if state.queue.has_room(bytes) {
            Some(Vec::new())
        } else {
            match (self.on_full, envelope.is_terminal()) {
                (OnFull::Wait, _) => return Ok(Admission::Wait),
                (OnFull::DropNewest, true) => state.queue.evict(bytes, Evict::Newest),
                (OnFull::DropNewest, false) => None,
                (OnFull::DropOldest, is_terminal) => {
                    let evicted = state.queue.evict(bytes, Evict::Oldest);
                    evicted.or_else(|| is_terminal.then(|| state.queue.evict_terminal(bytes)))
                }
            }
        };
        match evicted {
            Some(evicted) => {
                state.queue.push(envelope.clone(), bytes);
                state.stats.accepted += 1;
                state.lost += evicted.len() as u64;
                self.count_drops(&mut state, &evicted, DropReason::Full);
                drop(state);
                self.report_drops(&evicted, DropReason::Full);
                Ok(Admission::Accepted)
            }
            None => {
                let dropped = std::slice::from_ref(envelope);
                let message = format!(
                    "the buffer is full: {} events, {} bytes of JSON",
                    state.queue.len(),
                    state.queue.bytes()
                );
                self.count_drops(&mut state, dropped, DropReason::Full);
                drop(state);
                self.report_drops(dropped, DropReason::Full);
                Err(SinkError::new(SinkErrorKind::Full, message))
            }
        }
    }

    /// Waits for events and takes them from the buffer. Returns `None` once the sink is closed and the buffer is empty.
    pub(super) async fn next_batch(&self) -> Option<Vec<Envelope>> {
        loop {
            let work = self.work.notified();
            {
                let mut state = lock(&self.state);
                let first = state.queue.first_number();
                let batch = state.queue.take(BATCH);
                if !batch.is_empty() {
                    state.sending = Some(first);
                    state.stats.in_flight = batch.len();
                    drop(state);
                    self.progress.notify_waiters();
                    return Some(batch);
                }
                if state.end != End::Open {
                    return None;
                }
            }
            work.await;
        }
    }

    /// Records the results of a batch.
    pub(super) fn settle(&self, batch: &[Envelope], results: Vec<Result<Receipt, SinkError>>) {
        let mut failed = Vec::new();
        for (envelope, result) in batch.iter().zip(results) {
            match result {
                Ok(_) => self.log.succeeded(&self.name),
                Err(error) => {
                    self.log
                        .failed(&self.name, "the sink behind a buffer fails: events are dropped", &error);
                    failed.push((envelope, error));
                }
            }
        }
        // Before the state changes, so that a flush that sees the change finds the callback done.
        for (envelope, error) in &failed {
            self.call_back(envelope, DropReason::Failed(error));
        }
        let mut state = lock(&self.state);
        state.sending = None;
        state.stats.in_flight = 0;
        state.stats.delivered += (batch.len() - failed.len()) as u64;
        state.lost += failed.len() as u64;
        for (envelope, error) in failed {
            state.stats.count_drop(envelope, DropReason::Failed(&error));
            state.last_error = Some(error);
        }
        drop(state);
        self.progress.notify_waiters();
    }

    /// Waits until all events that were accepted before the call are settled.
    ///
    /// # Errors
    /// Accepted events were dropped since the last call.
    pub(super) async fn settled(&self) -> Result<(), SinkError> {
        let end = lock(&self.state).queue.next_number();
        loop {
            let progress = self.progress.notified();
            {
                let mut state = lock(&self.state);
                let oldest = state.sending.unwrap_or_else(|| state.queue.first_number());
                if oldest >= end {
                    return state.take_losses();
                }
                if state.end == End::Ended {
                    return Err(ended());
                }
            }
            progress.await;
        }
    }

    /// Accepts no more events.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        if state.end == End::Open {
            state.end = End::Closed;
        }
        drop(state);
        self.work.notify_one();
        self.progress.notify_waiters();
    }

    /// Waits until the worker has ended.
    pub(super) async fn ended(&self) {
        loop {
            let progress = self.progress.notified();
            if lock(&self.state).end == End::Ended {
                return;
            }
            progress.await;
        }
    }

    /// Accepts no more events, and drops those in the buffer. Returns their number and that of the events in flight.
    pub(super) fn end(&self) -> usize {
        let mut state = lock(&self.state);
        state.end = End::Ended;
        let left = state.queue.take(usize::MAX);
        let count = left.len() + state.stats.in_flight;
        self.drop_closed(state, &left);
        self.progress.notify_waiters();
        count
    }

    /// Records that the worker has ended while the inner sink was sending these events. What is left is lost, unless a close
    /// gave up and has reported it.
    pub(super) fn worker_ended(&self, in_flight: &[Envelope]) {
        let is_reported = lock(&self.state).end == End::Ended;
        let left = self.end();
        let mut state = lock(&self.state);
        state.stats.in_flight = 0;
        if !is_reported && left > 0 {
            state.sending = None;
            state.lost += left as u64;
            state.last_error = Some(ended().with_fate(Fate::Unknown));
        }
        self.drop_closed(state, in_flight);
    }

    fn drop_closed(&self, mut state: MutexGuard<'_, State>, envelopes: &[Envelope]) {
        self.count_drops(&mut state, envelopes, DropReason::Closed);
        drop(state);
        self.report_drops(envelopes, DropReason::Closed);
    }

    /// Returns an error if accepted events were dropped since the last call.
    pub(super) fn take_losses(&self) -> Result<(), SinkError> {
        lock(&self.state).take_losses()
    }

    fn count_drops(&self, state: &mut State, envelopes: &[Envelope], reason: DropReason<'_>) {
        for envelope in envelopes {
            state.stats.count_drop(envelope, reason);
        }
    }

    /// Reports dropped events, without the lock.
    fn report_drops(&self, envelopes: &[Envelope], reason: DropReason<'_>) {
        for envelope in envelopes {
            tracing::debug!(
                sink = self.name,
                kind = envelope.kind(),
                id = %envelope.id(),
                reason = reason.as_str(),
                "event dropped"
            );
            self.call_back(envelope, reason);
        }
    }

    fn call_back(&self, envelope: &Envelope, reason: DropReason<'_>) {
        self.telemetry.dropped(kind_label(envelope), reason.as_str());
        if let Some(on_drop) = &self.on_drop {
            let call = || on_drop(DroppedEvent { envelope, reason });
            if catch_unwind(AssertUnwindSafe(call)).is_err() {
                tracing::error!(sink = self.name, "the callback for dropped events panicked");
            }
        }
    }
}

impl State {
    fn take_losses(&mut self) -> Result<(), SinkError> {
        let lost = std::mem::take(&mut self.lost);
        if lost == 0 {
            return Ok(());
        }
        match self.last_error.take() {
            Some(error) => Err(
                SinkError::new(error.kind(), format!("{lost} buffered events were lost: {error}"))
                    .with_fate(error.fate())
                    .with_source(error),
            ),
            None => Err(SinkError::new(
                SinkErrorKind::Full,
                format!("{lost} buffered events were lost: the buffer was full"),
            )),
        }
    }
}

fn ended() -> SinkError {
    let message = "the buffered sink is finished: its worker ended with the runtime or a close";
    SinkError::new(SinkErrorKind::Closed, message)
}

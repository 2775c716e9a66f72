use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use driver_events_core::{SinkError, SinkErrorKind};
use tokio::sync::Notify;

use crate::failure::Failure;
use crate::output::{Chunk, Output};
use crate::thread;

/// So many bytes are worth a write while events keep coming: what a pipe takes at once on Linux. Waking the thread for
/// much less would cost the senders more than the events do.
const WORTH_A_WRITE: usize = 64 * 1024;
/// How long the thread waits for more events before it writes the few that are there.
const LINGER: Duration = Duration::from_millis(1);

/// Where the tasks that send meet the thread that writes.
///
/// Tasks append whole lines to one buffer; the thread takes the buffer with all that is in it and leaves an empty one.
/// Nobody holds the lock while anything is written.
pub(crate) struct Queue {
    limit: usize,
    state: Mutex<State>,
    /// Wakes the thread.
    work: Condvar,
    /// Wakes tasks: there is room, or lines were written, or something failed, or the sink is closed.
    changed: Notify,
}

struct State {
    /// Where lines go, until the thread takes it over with the first of them.
    unused: Option<Output>,
    /// Accepted lines that the thread has not taken yet.
    buffer: Vec<u8>,
    /// The number of lines that were accepted.
    accepted: u64,
    /// Of these, the lines that the thread has taken.
    taken: u64,
    /// Of these, the lines that were written, and the writer flushed behind them.
    written: u64,
    /// Fewer bytes in the buffer do not wake the thread.
    wake_at: usize,
    /// A flush waits, or a failed write shall be tried again.
    hurry: bool,
    closed: bool,
    /// The sink is gone, and nobody can ask for another try.
    abandoned: bool,
    /// The output is dropped, and no thread runs.
    ended: bool,
    /// Why the last write failed, until one goes well.
    failure: Option<Failure>,
    /// The number of writes that failed.
    failures: u64,
    /// The lines that came out whole before the write failed.
    came_out: u64,
}

impl Queue {
    pub(crate) fn new(output: Output, limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::new(State {
                unused: Some(output),
                buffer: Vec::new(),
                accepted: 0,
                taken: 0,
                written: 0,
                wake_at: 1,
                hurry: false,
                closed: false,
                abandoned: false,
                ended: false,
                failure: None,
                failures: 0,
                came_out: 0,
            }),
            work: Condvar::new(),
            changed: Notify::new(),
        }
    }

    /// Nothing that panics runs under the lock, so what it guards is sound whatever happened elsewhere.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For tasks.
impl Queue {
    /// Appends a line, and waits for room where there is none. A dropped future has appended the line or not.
    pub(crate) async fn push(self: &Arc<Self>, line: &[u8]) -> Result<(), SinkError> {
        self.wait_until(|| match self.try_push(line) {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        })
        .await
    }

    /// Whether there was room. The buffer takes a line as long as it holds less than its limit, so that a line of any
    /// length finds its turn.
    pub(crate) fn try_push(self: &Arc<Self>, line: &[u8]) -> Result<bool, SinkError> {
        let mut state = self.lock();
        if let Some(failure) = &state.failure
            && (failure.is_final() || !state.closed)
        {
            let error = failure.refusal(state.unwritten());
            // The next try finds out whether the writer has recovered.
            self.hurry(state);
            return Err(error);
        }
        if state.closed {
            return Err(SinkError::new(SinkErrorKind::Closed, "the sink is closed"));
        }
        if state.buffer.len() >= self.limit {
            return Ok(false);
        }
        state.start_thread(self)?;
        state.buffer.extend_from_slice(line);
        state.buffer.push(b'\n');
        state.accepted += 1;
        if state.buffer.len() >= state.wake_at {
            // Once is enough: the thread says when it wants to be woken again.
            state.wake_at = usize::MAX;
            drop(state);
            self.work.notify_one();
        }
        Ok(true)
    }

    /// Waits until everything that was accepted before the call is written.
    pub(crate) async fn flush(&self) -> Result<(), SinkError> {
        let (target, failures) = {
            let state = self.lock();
            let wanted = (state.accepted, state.failures);
            if state.written < state.accepted {
                self.hurry(state);
            }
            wanted
        };
        self.wait_until(|| {
            let state = self.lock();
            if state.written >= target {
                return Some(Ok(()));
            }
            let failure = state.failure.as_ref()?;
            (failure.is_final() || state.failures != failures).then(|| Err(failure.report(state.unwritten())))
        })
        .await
    }

    /// Refuses new lines, flushes, and waits until the thread has ended and the output is dropped.
    pub(crate) async fn close(&self) -> Result<(), SinkError> {
        let unused = {
            let mut state = self.lock();
            state.closed = true;
            let unused = state.unused.take();
            state.ended |= unused.is_some();
            unused
        };
        drop(unused);
        self.work.notify_one();
        self.changed.notify_waiters();
        self.flush().await?;
        self.wait_until(|| self.lock().ended.then_some(Ok(()))).await
    }

    /// Tells the thread to write what is there, as far as that goes, and to end.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.abandoned = true;
        drop(state);
        self.work.notify_one();
    }

    /// Asks the thread to write now.
    fn hurry(&self, mut state: MutexGuard<'_, State>) {
        state.hurry = true;
        drop(state);
        self.work.notify_one();
    }

    /// Asks `answer` now and after each change, until it has one.
    async fn wait_until<T>(&self, mut answer: impl FnMut() -> Option<T>) -> T {
        loop {
            // Hears of every change from here on, also before it is polled.
            let changed = self.changed.notified();
            if let Some(answer) = answer() {
                return answer;
            }
            changed.await;
        }
    }
}

/// For the thread.
impl Queue {
    /// Waits for lines and takes them all. False when the sink is closed and nothing is left.
    ///
    /// Right after a write the thread lingers: few lines wait for more to join them, for a millisecond at most. If none
    /// came in that time, it sleeps, and the next line wakes it at once.
    pub(crate) fn take(&self, chunk: &mut Chunk, has_just_written: bool) -> bool {
        chunk.clear();
        let mut state = self.lock();
        if has_just_written {
            let enough = WORTH_A_WRITE.min(self.limit);
            state.wake_at = enough;
            let waited = self.work.wait_timeout_while(state, LINGER, |state| {
                state.buffer.len() < enough && !state.hurry && !state.closed
            });
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.wake_at = 1;
        let slept = self
            .work
            .wait_while(state, |state| state.buffer.is_empty() && !state.closed);
        state = slept.unwrap_or_else(PoisonError::into_inner);

        state.wake_at = usize::MAX;
        state.hurry = false;
        state.taken = state.accepted;
        mem::swap(&mut state.buffer, &mut chunk.bytes);
        drop(state);
        self.changed.notify_waiters();
        !chunk.bytes.is_empty()
    }

    /// What was taken came out.
    pub(crate) fn wrote(&self) {
        let mut state = self.lock();
        state.written = state.taken;
        state.came_out = 0;
        state.failure = None;
        drop(state);
        self.changed.notify_waiters();
    }

    /// What was taken did not come out, or not all of it. Tells those who wait, and waits until somebody wants another
    /// try. False when there will be none.
    pub(crate) fn failed(&self, failure: Failure, chunk: &Chunk) -> bool {
        let mut state = self.lock();
        let is_final = failure.is_final();
        state.failure = Some(failure);
        state.failures += 1;
        state.came_out = chunk.lines_taken();
        // This failure is the answer to everyone who asked before it.
        state.hurry = false;
        self.changed.notify_waiters();
        if is_final || state.abandoned {
            return false;
        }
        let waited = self.work.wait_while(state, |state| !state.hurry && !state.abandoned);
        waited.unwrap_or_else(PoisonError::into_inner).hurry = false;
        true
    }

    /// The thread ends, with the output dropped.
    pub(crate) fn ended(&self, panic: Option<Failure>) {
        let mut state = self.lock();
        state.ended = true;
        state.buffer = Vec::new();
        if panic.is_some() && !state.failure.as_ref().is_some_and(Failure::is_final) {
            state.failure = panic;
        }
        drop(state);
        self.changed.notify_waiters();
    }
}

impl State {
    fn unwritten(&self) -> u64 {
        self.accepted - self.written - self.came_out
    }

    /// Starts the thread if it has not been started.
    fn start_thread(&mut self, queue: &Arc<Queue>) -> Result<(), SinkError> {
        let Some(output) = self.unused.take() else {
            return Ok(());
        };
        thread::start(Arc::clone(queue), output).map_err(|error| {
            self.ended = true;
            self.failure.insert(Failure::of_spawn(error)).refusal(0)
        })
    }
}

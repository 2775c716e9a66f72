use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use driver_events_core::{SinkError, SinkErrorKind};
use tokio::sync::Notify;

use crate::output::{Chunk, Output};
use crate::write_failure::WriteFailure;
use crate::writer_thread;

/// Number of buffered bytes that wakes the lingering thread: the capacity of a pipe on Linux. Waking it for much less
/// would cost the senders more than the events do.
const BATCH_BYTES: usize = 64 * 1024;
/// Maximum time that the thread waits for a batch to fill before it writes.
const BATCH_LINGER: Duration = Duration::from_millis(1);

/// The bounded buffer between the tasks that send and the thread that writes.
///
/// Tasks append whole lines to one buffer. The thread swaps the buffer for an empty one and writes it without holding
/// the lock.
pub(crate) struct Queue {
    max_buffered_bytes: usize,
    state: Mutex<State>,
    /// Wakes the thread.
    wake_thread: Condvar,
    /// Wakes the tasks after a change: free space, lines written, a failed write, or the close.
    changed: Notify,
}

struct State {
    /// The output, until the thread takes it over with the first line.
    output: Option<Output>,
    /// Accepted lines that the thread has not taken yet.
    buffer: Vec<u8>,
    /// Number of lines accepted.
    accepted: u64,
    /// Number of lines that the thread has taken.
    taken: u64,
    /// Number of lines written and flushed.
    written: u64,
    /// Size of the buffer, in bytes, from which `push` wakes the thread.
    wake_at: usize,
    /// A flush waits, or a failed write is to be retried.
    write_requested: bool,
    closed: bool,
    /// The sink was dropped, so that nothing can request another retry.
    sink_dropped: bool,
    /// The thread has exited, or never ran, and the output is dropped.
    thread_exited: bool,
    /// The cause of the last failed write, until a write succeeds.
    failure: Option<WriteFailure>,
    /// Number of failed writes.
    failures: u64,
    /// Number of whole lines of the current chunk that were written before its write failed.
    written_of_chunk: u64,
}

impl Queue {
    pub(crate) fn new(output: Output, max_buffered_bytes: usize) -> Self {
        Self {
            max_buffered_bytes,
            state: Mutex::new(State {
                output: Some(output),
                buffer: Vec::new(),
                accepted: 0,
                taken: 0,
                written: 0,
                wake_at: 1,
                write_requested: false,
                closed: false,
                sink_dropped: false,
                thread_exited: false,
                failure: None,
                failures: 0,
                written_of_chunk: 0,
            }),
            wake_thread: Condvar::new(),
            changed: Notify::new(),
        }
    }

    /// Ignores poisoning: no code that can panic runs under the lock, so the state is always consistent.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The methods for tasks.
impl Queue {
    /// Appends a line, after waiting for free space if the buffer is full. A dropped future has appended the line
    /// completely or not at all.
    pub(crate) async fn push(self: &Arc<Self>, line: &[u8]) -> Result<(), SinkError> {
        self.wait_for(|| match self.try_push(line) {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        })
        .await
    }

    /// Appends a line and returns `true`, or returns `false` if the buffer is full. A buffer below its limit accepts a
    /// line of any length.
    pub(crate) fn try_push(self: &Arc<Self>, line: &[u8]) -> Result<bool, SinkError> {
        let mut state = self.lock();
        if let Some(failure) = &state.failure
            && (failure.is_permanent() || !state.closed)
        {
            let error = failure.send_error(state.unwritten());
            // The retry determines whether the writer has recovered.
            self.request_write(state);
            return Err(error);
        }
        if state.closed {
            return Err(SinkError::new(SinkErrorKind::Closed, "the sink is closed"));
        }
        if state.buffer.len() >= self.max_buffered_bytes {
            return Ok(false);
        }
        state.start_thread(self)?;
        state.buffer.extend_from_slice(line);
        state.buffer.push(b'\n');
        state.accepted += 1;
        if state.buffer.len() >= state.wake_at {
            // Notify once: the thread lowers `wake_at` again before it waits.
            state.wake_at = usize::MAX;
            drop(state);
            self.wake_thread.notify_one();
        }
        Ok(true)
    }

    /// Waits until all lines accepted before the call are written.
    pub(crate) async fn flush(&self) -> Result<(), SinkError> {
        let (target, failures) = {
            let state = self.lock();
            let before = (state.accepted, state.failures);
            if state.written < state.accepted {
                self.request_write(state);
            }
            before
        };
        self.wait_for(|| {
            let state = self.lock();
            if state.written >= target {
                return Some(Ok(()));
            }
            let failure = state.failure.as_ref()?;
            (failure.is_permanent() || state.failures != failures).then(|| Err(failure.flush_error(state.unwritten())))
        })
        .await
    }

    /// Refuses new lines, flushes, and waits until the thread has exited and the output is dropped.
    pub(crate) async fn close(&self) -> Result<(), SinkError> {
        let unused = {
            let mut state = self.lock();
            state.closed = true;
            let unused = state.output.take();
            state.thread_exited |= unused.is_some();
            unused
        };
        drop(unused);
        self.wake_thread.notify_one();
        self.changed.notify_waiters();
        self.flush().await?;
        self.wait_for(|| self.lock().thread_exited.then_some(Ok(()))).await
    }

    /// Makes the thread write the remaining lines, with at most one retry, and exit.
    pub(crate) fn detach(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.sink_dropped = true;
        drop(state);
        self.wake_thread.notify_one();
    }

    /// Makes the thread write at once.
    fn request_write(&self, mut state: MutexGuard<'_, State>) {
        state.write_requested = true;
        drop(state);
        self.wake_thread.notify_one();
    }

    /// Calls `check` now and after each change, until it returns a result.
    async fn wait_for<T>(&self, mut check: impl FnMut() -> Option<T>) -> T {
        loop {
            // Created before the check, so that no change in between is missed.
            let changed = self.changed.notified();
            if let Some(result) = check() {
                return result;
            }
            changed.await;
        }
    }
}

/// The methods for the thread.
impl Queue {
    /// Waits for lines and moves all of them to the chunk. Returns `false` if the sink is closed and the buffer empty.
    ///
    /// After a write the thread lingers: it waits up to a millisecond for a batch to fill. If no line arrives in that
    /// time, it sleeps, and the next line wakes it at once.
    pub(crate) fn next_chunk(&self, chunk: &mut Chunk, has_just_written: bool) -> bool {
        chunk.clear();
        let mut state = self.lock();
        if has_just_written {
            let batch_bytes = BATCH_BYTES.min(self.max_buffered_bytes);
            state.wake_at = batch_bytes;
            let waited = self.wake_thread.wait_timeout_while(state, BATCH_LINGER, |state| {
                state.buffer.len() < batch_bytes && !state.write_requested && !state.closed
            });
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.wake_at = 1;
        let slept = self
            .wake_thread
            .wait_while(state, |state| state.buffer.is_empty() && !state.closed);
        state = slept.unwrap_or_else(PoisonError::into_inner);

        state.wake_at = usize::MAX;
        state.write_requested = false;
        state.taken = state.accepted;
        mem::swap(&mut state.buffer, &mut chunk.bytes);
        drop(state);
        self.changed.notify_waiters();
        !chunk.bytes.is_empty()
    }

    /// Records that the chunk was written and flushed.
    pub(crate) fn write_succeeded(&self) {
        let mut state = self.lock();
        state.written = state.taken;
        state.written_of_chunk = 0;
        state.failure = None;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Records that the chunk was not written completely, and waits for a request to retry. Returns `false` if there is
    /// to be no retry.
    pub(crate) fn write_failed(&self, failure: WriteFailure, chunk: &Chunk) -> bool {
        let mut state = self.lock();
        let is_permanent = failure.is_permanent();
        state.failure = Some(failure);
        state.failures += 1;
        state.written_of_chunk = chunk.whole_lines_written();
        // Earlier requests get this failure as their result.
        state.write_requested = false;
        self.changed.notify_waiters();
        if is_permanent || state.sink_dropped {
            return false;
        }
        let waited = self
            .wake_thread
            .wait_while(state, |state| !state.write_requested && !state.sink_dropped);
        waited.unwrap_or_else(PoisonError::into_inner).write_requested = false;
        true
    }

    /// Records that the thread exits and the output is dropped.
    pub(crate) fn thread_exited(&self, panic: Option<WriteFailure>) {
        let mut state = self.lock();
        state.thread_exited = true;
        state.buffer = Vec::new();
        if panic.is_some() && !state.failure.as_ref().is_some_and(WriteFailure::is_permanent) {
            state.failure = panic;
        }
        drop(state);
        self.changed.notify_waiters();
    }
}

impl State {
    fn unwritten(&self) -> u64 {
        self.accepted - self.written - self.written_of_chunk
    }

    /// Starts the thread if it has not been started yet.
    fn start_thread(&mut self, queue: &Arc<Queue>) -> Result<(), SinkError> {
        let Some(output) = self.output.take() else {
            return Ok(());
        };
        writer_thread::start(Arc::clone(queue), output).map_err(|error| {
            self.thread_exited = true;
            self.failure.insert(WriteFailure::of_spawn(error)).send_error(0)
        })
    }
}

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, mem};

use driver_events_core::{SinkError, SinkErrorKind};
use tokio::sync::Notify;

use super::output::Chunk;
use super::write_failure::WriteFailure;

/// Number of buffered bytes that wakes the lingering thread: the capacity of a pipe on Linux. Waking it for much less
/// would cost the senders more than the events do.
const BATCH_BYTES: usize = 65_536;
/// Maximum time that the thread waits for a batch to fill before it writes.
const BATCH_LINGER: Duration = Duration::from_millis(1);

/// The bounded buffer between the tasks that send and the thread that writes.
///
/// Tasks append whole lines to one buffer. The thread swaps the buffer for an empty one and writes it without holding
/// the lock.
pub(crate) struct Queue {
    max_buffered_bytes: usize,
    linger: Duration,
    state: Mutex<State>,
    /// Wakes the thread.
    wake_thread: Condvar,
    /// Wakes the tasks after a change: free space, lines written, a failed write, or the close.
    changed: Notify,
}

/// Starts the thread. Owns the output, and drops it if it is not called or fails.
type StartThread = Box<dyn FnOnce(Arc<Queue>) -> io::Result<()> + Send>;

enum Lifecycle {
    /// No line was accepted yet. The first one starts the thread.
    Unstarted(StartThread),
    /// The thread writes the lines.
    Open,
    /// No more lines are accepted. The thread writes the remaining ones and exits.
    Closing,
    /// As `Closing`, with at most one retry: the sink was dropped, so that nothing can request another.
    Detached,
    /// The thread has exited, or never ran, and the output is dropped.
    Ended,
}

struct State {
    lifecycle: Lifecycle,
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
    /// The cause of the last failed write, until a write succeeds.
    failure: Option<WriteFailure>,
    /// Number of failed writes.
    failures: u64,
    /// Number of whole lines of the current chunk that were written before its write failed.
    written_of_chunk: u64,
}

impl Queue {
    /// Creates a queue whose first line calls `start_thread`.
    pub(super) fn new(
        start_thread: impl FnOnce(Arc<Self>) -> io::Result<()> + Send + 'static,
        max_buffered_bytes: usize,
    ) -> Self {
        Self {
            max_buffered_bytes,
            linger: BATCH_LINGER,
            state: Mutex::new(State {
                lifecycle: Lifecycle::Unstarted(Box::new(start_thread)),
                buffer: Vec::new(),
                accepted: 0,
                taken: 0,
                written: 0,
                wake_at: 1,
                write_requested: false,
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
        self.wait_for(|| self.try_push(line).map(|pushed| pushed.then_some(())).transpose())
            .await
    }

    /// Appends a line and returns `true`, or returns `false` if the buffer is full. A buffer below its limit accepts a
    /// line of any length.
    pub(crate) fn try_push(self: &Arc<Self>, line: &[u8]) -> Result<bool, SinkError> {
        let mut state = self.lock();
        if let Some(failure) = &state.failure
            && (failure.is_permanent() || !state.lifecycle.is_closed())
        {
            let error = failure.send_error(state.unwritten());
            // The retry determines whether the writer has recovered.
            self.request_write(state);
            return Err(error);
        }
        if state.lifecycle.is_closed() {
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
        let unstarted = self.lock().lifecycle.close(Lifecycle::Closing);
        // Drops the output without holding the lock: the writer may do anything.
        drop(unstarted);
        self.wake_thread.notify_one();
        self.changed.notify_waiters();
        self.flush().await?;
        self.wait_for(|| matches!(self.lock().lifecycle, Lifecycle::Ended).then_some(Ok(())))
            .await
    }

    /// Makes the thread write the remaining lines, with at most one retry, and exit.
    pub(crate) fn detach(&self) {
        let unstarted = self.lock().lifecycle.close(Lifecycle::Detached);
        drop(unstarted);
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
            let waited = self.wake_thread.wait_timeout_while(state, self.linger, |state| {
                state.buffer.len() < batch_bytes && !state.write_requested && !state.lifecycle.is_closed()
            });
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.wake_at = 1;
        let slept = self
            .wake_thread
            .wait_while(state, |state| state.buffer.is_empty() && !state.lifecycle.is_closed());
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
        if is_permanent || state.lifecycle.is_detached() {
            return false;
        }
        let waited = self
            .wake_thread
            .wait_while(state, |state| !state.write_requested && !state.lifecycle.is_detached());
        waited.unwrap_or_else(PoisonError::into_inner).write_requested = false;
        true
    }

    /// Records that the thread exits and the output is dropped.
    pub(crate) fn thread_exited(&self, panic: Option<WriteFailure>) {
        let mut state = self.lock();
        state.lifecycle = Lifecycle::Ended;
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

    /// Starts the thread if it has not been started yet. The queue must not be closed.
    fn start_thread(&mut self, queue: &Arc<Queue>) -> Result<(), SinkError> {
        let Lifecycle::Unstarted(start) = mem::replace(&mut self.lifecycle, Lifecycle::Open) else {
            return Ok(());
        };
        start(Arc::clone(queue)).map_err(|error| {
            self.lifecycle = Lifecycle::Ended;
            self.failure.insert(WriteFailure::of_spawn(error)).send_error(0)
        })
    }
}

impl Lifecycle {
    fn is_closed(&self) -> bool {
        !matches!(self, Self::Unstarted(_) | Self::Open)
    }

    fn is_detached(&self) -> bool {
        matches!(self, Self::Detached)
    }

    /// Refuses new lines, and is `closed` while the thread runs. Returns the previous state, which may own the output.
    fn close(&mut self, closed: Self) -> Self {
        let next = match self {
            Self::Unstarted(_) | Self::Ended => Self::Ended,
            Self::Open | Self::Closing | Self::Detached => closed,
        };
        mem::replace(self, next)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::thread::{JoinHandle, spawn, yield_now};
    use std::time::Duration;

    use super::{BATCH_BYTES, Chunk, Queue, WriteFailure};

    /// Returns a queue without a thread, whose thread would linger for longer than any test runs.
    fn queue(max_buffered_bytes: usize) -> Arc<Queue> {
        let mut queue = Queue::new(|_| Ok(()), max_buffered_bytes);
        queue.linger = Duration::from_secs(3_600);
        Arc::new(queue)
    }

    /// Takes the next chunk as the thread does after a write. Returns once it lingers.
    fn linger(queue: &Arc<Queue>) -> JoinHandle<Vec<u8>> {
        let thread = {
            let queue = Arc::clone(queue);
            spawn(move || {
                let mut chunk = Chunk::default();
                queue.next_chunk(&mut chunk, true);
                chunk.bytes
            })
        };
        let batch_bytes = BATCH_BYTES.min(queue.max_buffered_bytes);
        while queue.lock().wake_at != batch_bytes {
            assert!(!thread.is_finished(), "the thread does not linger");
            yield_now();
        }
        thread
    }

    fn push(queue: &Arc<Queue>, line: &[u8]) {
        assert!(queue.try_push(line).unwrap());
    }

    #[test]
    fn lingering_thread_waits_for_a_batch() {
        for max_buffered_bytes in [1_000, 1_000_000] {
            let queue = queue(max_buffered_bytes);
            push(&queue, b"first");
            let thread = linger(&queue);
            push(&queue, b"second");
            assert!(!thread.is_finished());
            let rest = vec![b'x'; BATCH_BYTES.min(max_buffered_bytes)];
            push(&queue, &rest);
            let chunk = thread.join().unwrap();
            assert_eq!(chunk.len(), "first\nsecond\n".len() + rest.len() + 1);
        }
    }

    #[tokio::test]
    async fn flush_ends_the_lingering() {
        let queue = queue(1_000);
        push(&queue, b"first");
        let thread = linger(&queue);
        let flush = {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.flush().await })
        };
        let join = tokio::task::spawn_blocking(|| thread.join().unwrap());
        assert_eq!(join.await.unwrap(), b"first\n");
        queue.write_succeeded();
        flush.await.unwrap().unwrap();
    }

    #[test]
    fn detach_ends_the_lingering() {
        let queue = queue(1_000);
        push(&queue, b"first");
        let thread = linger(&queue);
        queue.detach();
        assert_eq!(thread.join().unwrap(), b"first\n");
    }

    #[tokio::test]
    async fn flush_of_nothing_requests_no_write() {
        let queue = queue(1_000);
        queue.flush().await.unwrap();
        assert!(!queue.lock().write_requested);
    }

    #[test]
    fn exit_of_the_thread_keeps_the_failure() {
        let queue = queue(1_000);
        push(&queue, b"first");
        queue.detach();
        let failure = WriteFailure::of_write(io::Error::from(io::ErrorKind::StorageFull));
        assert!(!queue.write_failed(failure, &Chunk::default()));
        queue.thread_exited(None);
        assert!(queue.lock().failure.is_some());
    }
}

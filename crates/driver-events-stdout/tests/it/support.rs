use std::collections::VecDeque;
use std::env;
use std::io::{self, ErrorKind, Write};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope};

/// A small event of goal 1. Its line is [`line`] with the same number.
pub(crate) fn event(number: u32) -> Envelope {
    Envelope::new(samples::numbered(samples::goal(1), number))
}

/// The line of [`event`], with the line ending.
pub(crate) fn line(number: u32) -> String {
    let json = event(number).json().unwrap().to_vec();
    String::from_utf8(json).unwrap() + "\n"
}

pub(crate) fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(line).collect()
}

pub(crate) async fn send_all(sink: &dyn DriverEventSink, numbers: std::ops::Range<u32>) {
    for number in numbers {
        sink.send(event(number)).await.unwrap();
    }
}

/// Polls the future once.
pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Observes and controls a [`ScriptedWriter`]. Clones share the state.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<(Mutex<State>, Condvar)>);

#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) bytes: Vec<u8>,
    /// Number of calls of `write`, including failed ones.
    pub(crate) writes: usize,
    /// Number of successful calls of `flush`.
    pub(crate) flushes: usize,
    pub(crate) is_dropped: bool,
    opened_gates: usize,
    write_always: Option<Step>,
    flush_always_fails: Option<ErrorKind>,
}

impl Written {
    /// Waits until the state of the writer satisfies the condition.
    pub(crate) fn wait_until(&self, condition: impl Fn(&State) -> bool) -> State {
        let (state, changed) = &*self.0;
        let state = changed
            .wait_while(state.lock().unwrap(), |state| !condition(state))
            .unwrap();
        state.clone()
    }

    pub(crate) fn text(&self) -> String {
        self.wait_until(|_| true).text()
    }

    /// Opens one gate: a call of `write` waiting at a [`Step::Gate`] or [`Step::GateThenFail`], or the next one that does.
    pub(crate) fn open_gate(&self) {
        self.change(|state| state.opened_gates += 1);
    }

    /// Sets the result of each `write` call after the scripted ones. `None` accepts all bytes.
    pub(crate) fn write_always(&self, step: impl Into<Option<Step>>) {
        self.change(|state| state.write_always = step.into());
    }

    pub(crate) fn flush_always_fails(&self, kind: impl Into<Option<ErrorKind>>) {
        self.change(|state| state.flush_always_fails = kind.into());
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let (state, changed) = &*self.0;
        change(&mut state.lock().unwrap());
        changed.notify_all();
    }
}

impl State {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }
}

/// The behaviour of one call of `write`.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// Accepts at most this number of bytes.
    Take(usize),
    Fail(ErrorKind),
    Panic,
    /// Waits for [`Written::open_gate`], then accepts all bytes.
    Gate,
    /// Waits for [`Written::open_gate`], then fails.
    GateThenFail(ErrorKind),
}

/// A writer that follows a script of steps, and accepts all bytes after its end.
pub(crate) struct ScriptedWriter {
    written: Written,
    writes: VecDeque<Step>,
    flushes: VecDeque<ErrorKind>,
}

impl ScriptedWriter {
    pub(crate) fn new(writes: impl IntoIterator<Item = Step>) -> (Self, Written) {
        let written = Written::default();
        let writer = Self {
            written: written.clone(),
            writes: writes.into_iter().collect(),
            flushes: VecDeque::new(),
        };
        (writer, written)
    }

    /// Makes the first calls of `flush` fail with these errors.
    pub(crate) fn failing_flushes(mut self, kinds: impl IntoIterator<Item = ErrorKind>) -> Self {
        self.flushes.extend(kinds);
        self
    }

    fn pass_gate(&self) {
        self.written.wait_until(|state| state.opened_gates > 0);
        self.written.change(|state| state.opened_gates -= 1);
    }
}

impl Write for ScriptedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.change(|state| state.writes += 1);
        let step = self.writes.pop_front();
        let count = match step.or(self.written.wait_until(|_| true).write_always) {
            None => bytes.len(),
            Some(Step::Take(max)) => bytes.len().min(max),
            Some(Step::Fail(kind)) => return Err(kind.into()),
            Some(Step::Panic) => panic!("scripted panic"),
            Some(Step::Gate) => {
                self.pass_gate();
                bytes.len()
            }
            Some(Step::GateThenFail(kind)) => {
                self.pass_gate();
                return Err(kind.into());
            }
        };
        self.written
            .change(|state| state.bytes.extend_from_slice(&bytes[..count]));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        let kind = self.flushes.pop_front();
        if let Some(kind) = kind.or(self.written.wait_until(|_| true).flush_always_fails) {
            return Err(kind.into());
        }
        self.written.change(|state| state.flushes += 1);
        Ok(())
    }
}

impl Drop for ScriptedWriter {
    fn drop(&mut self) {
        self.written.change(|state| state.is_dropped = true);
    }
}

const IN_CHILD: &str = "DRIVER_EVENTS_STDOUT_TEST_CHILD";

/// Returns whether this process was started by [`child`].
pub(crate) fn is_child() -> bool {
    env::var_os(IN_CHILD).is_some()
}

/// Returns a command that runs one test of this binary in a child process.
pub(crate) fn child(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(IN_CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

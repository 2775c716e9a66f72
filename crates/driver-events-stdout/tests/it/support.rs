use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope};

/// A small event of goal 1, whose line is [`line`] of the same number.
pub(crate) fn event(number: u32) -> Envelope {
    Envelope::new(samples::numbered(samples::goal(1), number))
}

/// The line of [`event`], with its ending.
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

/// Polls once.
pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// What a [`ScriptedWriter`] wrote, and what became of it. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<(Mutex<State>, Condvar)>);

#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) bytes: Vec<u8>,
    /// Calls of `write`, those that failed included.
    pub(crate) writes: usize,
    /// Calls of `flush` that went well.
    pub(crate) flushes: usize,
    pub(crate) is_dropped: bool,
    opened_gates: usize,
    write_always: Option<Step>,
    flush_always_fails: Option<ErrorKind>,
}

impl Written {
    /// Waits until what the sink's own thread did is as wanted.
    pub(crate) fn wait_until(&self, is_wanted: impl Fn(&State) -> bool) -> State {
        let (state, changed) = &*self.0;
        let state = changed
            .wait_while(state.lock().unwrap(), |state| !is_wanted(state))
            .unwrap();
        state.clone()
    }

    pub(crate) fn text(&self) -> String {
        self.wait_until(|_| true).text()
    }

    /// Lets the writer go on that stands at a [`Step::Gate`], or will come to one.
    pub(crate) fn open_gate(&self) {
        self.change(|state| state.opened_gates += 1);
    }

    /// What every call of `write` does after the script's end; `None`: it takes everything.
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

/// What a call of `write` does.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// Takes at most so many bytes.
    Take(usize),
    Fail(ErrorKind),
    Panic,
    /// Waits for [`Written::open_gate`], and then takes everything.
    Gate,
}

/// A writer that does what its script says, and takes everything when the script is at its end.
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

    /// The first calls of `flush` fail like this.
    pub(crate) fn failing_flushes(mut self, kinds: impl IntoIterator<Item = ErrorKind>) -> Self {
        self.flushes.extend(kinds);
        self
    }
}

impl Write for ScriptedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.change(|state| state.writes += 1);
        let step = self.writes.pop_front();
        let count = match step.or(self.written.wait_until(|_| true).write_always) {
            None => bytes.len(),
            Some(Step::Take(most)) => bytes.len().min(most),
            Some(Step::Fail(kind)) => return Err(kind.into()),
            Some(Step::Panic) => panic!("the script says so"),
            Some(Step::Gate) => {
                self.written.wait_until(|state| state.opened_gates > 0);
                self.written.change(|state| state.opened_gates -= 1);
                bytes.len()
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

use std::any::Any;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use driver_events_core::{Fate, SinkError, SinkErrorKind};

/// Why accepted events do not come out.
#[derive(Debug)]
pub(crate) struct Failure {
    reason: Reason,
    cause: Arc<io::Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// The writer refused, and is tried again. What is left is held.
    Refused,
    /// The reader closed its end.
    ReaderGone,
    Panicked,
    ThreadNotStarted,
}

impl Failure {
    pub(crate) fn of_write(cause: io::Error) -> Self {
        let reason = match cause.kind() {
            ErrorKind::BrokenPipe => Reason::ReaderGone,
            _ => Reason::Refused,
        };
        Self::new(reason, cause)
    }

    pub(crate) fn of_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("the panic has no message");
        Self::new(Reason::Panicked, io::Error::other(text))
    }

    pub(crate) fn of_spawn(cause: io::Error) -> Self {
        Self::new(Reason::ThreadNotStarted, cause)
    }

    fn new(reason: Reason, cause: io::Error) -> Self {
        Self {
            reason,
            cause: Arc::new(cause),
        }
    }

    /// Whether the writer will never be tried again.
    pub(crate) fn is_final(&self) -> bool {
        self.reason != Reason::Refused
    }

    /// What `send` answers: this event was not taken.
    pub(crate) fn refusal(&self, unwritten: u64) -> SinkError {
        self.error(unwritten).with_fate(Fate::NotSent)
    }

    /// What `flush` answers: some of the events may have come out, or may do so yet.
    pub(crate) fn report(&self, unwritten: u64) -> SinkError {
        self.error(unwritten).with_fate(Fate::Unknown)
    }

    fn error(&self, unwritten: u64) -> SinkError {
        let events = match unwritten {
            1 => "1 accepted event is".to_owned(),
            _ => format!("{unwritten} accepted events are"),
        };
        let (kind, message) = match self.reason {
            Reason::Refused => (
                self.kind_of_refusal(),
                format!("the writer failed, {events} not written"),
            ),
            Reason::ReaderGone => (
                SinkErrorKind::Closed,
                format!("the reader has gone away, {events} lost"),
            ),
            Reason::Panicked => (SinkErrorKind::Fatal, format!("the writer panicked, {events} lost")),
            Reason::ThreadNotStarted => (SinkErrorKind::Fatal, "the writer's thread cannot be started".to_owned()),
        };
        SinkError::new(kind, message).with_source(self.copy_of_cause())
    }

    fn kind_of_refusal(&self) -> SinkErrorKind {
        match self.cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => SinkErrorKind::Full,
            _ => SinkErrorKind::Disconnected,
        }
    }

    /// Many calls are told of one error, and each gets an [`io::Error`] that can be asked for its kind and its code.
    fn copy_of_cause(&self) -> io::Error {
        match self.cause.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.cause.kind(), Arc::clone(&self.cause)),
        }
    }
}

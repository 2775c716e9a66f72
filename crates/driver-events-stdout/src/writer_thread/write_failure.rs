use std::any::Any;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use driver_events_core::{Fate, SinkError, SinkErrorKind};

/// The cause why accepted events are not written.
#[derive(Debug)]
pub(crate) struct WriteFailure {
    reason: Reason,
    cause: Arc<io::Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// An error after which the write is retried. The unwritten events are kept.
    Retryable,
    /// The reader closed its end of the pipe.
    PipeClosed,
    WriterPanicked,
    ThreadNotStarted,
}

impl WriteFailure {
    pub(crate) fn of_write(cause: io::Error) -> Self {
        let reason = match cause.kind() {
            ErrorKind::BrokenPipe => Reason::PipeClosed,
            _ => Reason::Retryable,
        };
        Self::new(reason, cause)
    }

    pub(crate) fn of_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("panic without a message");
        Self::new(Reason::WriterPanicked, io::Error::other(text))
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

    /// Returns whether the write is never retried.
    pub(crate) fn is_permanent(&self) -> bool {
        self.reason != Reason::Retryable
    }

    /// Returns the error for `send`: the event was not accepted.
    pub(crate) fn send_error(&self, unwritten: u64) -> SinkError {
        self.error(unwritten).with_fate(Fate::NotSent)
    }

    /// Returns the error for `flush`: accepted events may be written, or may be written by a retry.
    pub(crate) fn flush_error(&self, unwritten: u64) -> SinkError {
        self.error(unwritten).with_fate(Fate::Unknown)
    }

    fn error(&self, unwritten: u64) -> SinkError {
        let events = match unwritten {
            1 => "1 accepted event".to_owned(),
            _ => format!("{unwritten} accepted events"),
        };
        let (kind, message) = match self.reason {
            Reason::Retryable => (self.retryable_kind(), format!("write failed, {events} not yet written")),
            Reason::PipeClosed => (SinkErrorKind::Closed, format!("reader closed the pipe, {events} lost")),
            Reason::WriterPanicked => (SinkErrorKind::Fatal, format!("writer panicked, {events} lost")),
            Reason::ThreadNotStarted => (SinkErrorKind::Fatal, "cannot start the writer thread".to_owned()),
        };
        SinkError::new(kind, message).with_source(self.clone_cause())
    }

    fn retryable_kind(&self) -> SinkErrorKind {
        match self.cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => SinkErrorKind::Full,
            _ => SinkErrorKind::Disconnected,
        }
    }

    /// Copies the cause for one of several callers. The copy has the same kind and OS error code.
    fn clone_cause(&self) -> io::Error {
        match self.cause.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.cause.kind(), Arc::clone(&self.cause)),
        }
    }
}

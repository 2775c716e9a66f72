use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use driver_events::{BatchOrder, DriverEventSink, Envelope, Guarantee, OpenedSink, Receipt, SinkError, SinkErrorKind};
use humantime::format_duration;
use tokio::time::sleep;

use crate::report::Report;
use crate::signals::Shutdown;
use crate::target::CALL_TIMEOUT;

const NO_ACK: &str = "no ack received";

/// Sink wrapper for calls that may take as long as `--timeout`. It warns about a long call and abandons it shortly after a
/// signal.
pub(super) struct InterruptibleSink {
    opened: OpenedSink,
    name: String,
    timeout: Duration,
    shutdown: Shutdown,
    report: Report,
    /// Whether a call was abandoned, so that events may still be in flight. All further calls fail.
    is_interrupted: AtomicBool,
}

impl InterruptibleSink {
    /// Wraps the sink. `name` is the target's name in messages, and `timeout` the maximum duration of a call.
    pub(super) fn new(opened: OpenedSink, name: String, timeout: Duration, shutdown: Shutdown, report: Report) -> Self {
        Self {
            opened,
            name,
            timeout,
            shutdown,
            report,
            is_interrupted: AtomicBool::new(false),
        }
    }

    /// Returns the result of the call, or `None` if a signal interrupted it.
    async fn interruptible<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        if self.is_interrupted.load(Ordering::Relaxed) {
            return None;
        }
        let interrupted = async {
            self.shutdown.requested().await;
            sleep(CALL_TIMEOUT).await;
        };
        tokio::select! {
            biased;
            result = call => return Some(result),
            () = self.warn_about_delay() => {}
            () = interrupted => {}
        }
        self.is_interrupted.store(true, Ordering::Relaxed);
        None
    }

    /// Logs a warning after [`CALL_TIMEOUT`]. Never returns.
    async fn warn_about_delay(&self) {
        sleep(CALL_TIMEOUT).await;
        let name = &self.name;
        let last = self.opened.last_error();
        let reason = last.map(|reason| format!(": {reason}")).unwrap_or_default();
        let timeout = format_duration(self.timeout);
        self.report
            .warning(format_args!("{name}: {NO_ACK}{reason}; retrying for {timeout}"));
        pending().await
    }
}

fn interrupted_error() -> SinkError {
    SinkError::new(SinkErrorKind::Timeout, NO_ACK)
}

#[async_trait]
impl DriverEventSink for InterruptibleSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let sent = self.interruptible(self.opened.sink.send(envelope)).await;
        sent.unwrap_or_else(|| Err(interrupted_error()))
    }

    fn guarantee(&self) -> Guarantee {
        self.opened.sink.guarantee()
    }

    fn batch_order(&self) -> BatchOrder {
        self.opened.sink.batch_order()
    }

    fn name(&self) -> String {
        self.opened.sink.name()
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let count = envelopes.len();
        let sent = self.interruptible(self.opened.sink.send_batch(envelopes)).await;
        sent.unwrap_or_else(|| (0..count).map(|_| Err(interrupted_error())).collect())
    }

    async fn flush(&self) -> Result<(), SinkError> {
        let flushed = self.interruptible(self.opened.sink.flush()).await;
        flushed.unwrap_or_else(|| Err(interrupted_error()))
    }

    async fn close(&self) -> Result<(), SinkError> {
        let closed = self.interruptible(self.opened.sink.close()).await;
        closed.unwrap_or_else(|| Err(interrupted_error()))
    }
}

impl fmt::Debug for InterruptibleSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterruptibleSink")
            .field("sink", &self.opened.sink)
            .finish_non_exhaustive()
    }
}

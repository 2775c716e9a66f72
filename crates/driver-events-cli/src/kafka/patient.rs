use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{DriverEventSink, Envelope, Guarantee, Receipt, SinkError, SinkErrorKind};
use driver_events_kafka::KafkaEventSink;
use humantime::format_duration;
use tokio::time::sleep;

use crate::report::Report;
use crate::signals::Stop;
use crate::target::{CALL_TIMEOUT, Opening};

/// A sink whose calls may take as long as the whole patience of `publish`: it tells the person when one takes long, and
/// gives it up soon after a signal.
pub(super) struct PatientSink {
    sink: KafkaEventSink,
    name: String,
    timeout: Duration,
    stop: Stop,
    report: Report,
    /// Something may be under way for which nobody waits.
    has_given_up: AtomicBool,
}

impl PatientSink {
    /// `timeout` is how long a call of the sink takes at most.
    pub(super) fn new(sink: KafkaEventSink, name: &str, timeout: Duration, opening: &Opening) -> Self {
        Self {
            sink,
            name: name.to_owned(),
            timeout,
            stop: opening.stop.clone(),
            report: opening.report.clone(),
            has_given_up: AtomicBool::new(false),
        }
    }

    /// None where a signal came, and the call does not end.
    async fn patiently<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        if self.has_given_up.load(Ordering::Relaxed) {
            return None;
        }
        let stopped = async {
            self.stop.requested().await;
            sleep(CALL_TIMEOUT).await;
        };
        tokio::select! {
            biased;
            answer = call => return Some(answer),
            () = self.tell_of_delay() => {}
            () = stopped => {}
        }
        self.has_given_up.store(true, Ordering::Relaxed);
        None
    }

    /// Never ends.
    async fn tell_of_delay(&self) {
        sleep(CALL_TIMEOUT).await;
        let name = &self.name;
        let last = self.sink.state().last_error();
        let reason = last.map(|reason| format!(": {reason}")).unwrap_or_default();
        let timeout = format_duration(self.timeout);
        let what = "not acknowledged yet";
        self.report
            .warning(format_args!("{name}: {what}{reason}; trying again for {timeout}"));
        pending().await
    }
}

fn given_up() -> SinkError {
    SinkError::new(SinkErrorKind::Timeout, "not acknowledged yet")
}

#[async_trait]
impl DriverEventSink for PatientSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let sent = self.patiently(self.sink.send(envelope)).await;
        sent.unwrap_or_else(|| Err(given_up()))
    }

    fn guarantee(&self) -> Guarantee {
        self.sink.guarantee()
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let count = envelopes.len();
        let sent = self.patiently(self.sink.send_batch(envelopes)).await;
        sent.unwrap_or_else(|| (0..count).map(|_| Err(given_up())).collect())
    }

    async fn flush(&self) -> Result<(), SinkError> {
        let flushed = self.patiently(self.sink.flush()).await;
        flushed.unwrap_or_else(|| Err(given_up()))
    }

    async fn close(&self) -> Result<(), SinkError> {
        let closed = self.patiently(self.sink.close()).await;
        closed.unwrap_or_else(|| Err(given_up()))
    }
}

impl fmt::Debug for PatientSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatientSink")
            .field("sink", &self.sink)
            .finish_non_exhaustive()
    }
}

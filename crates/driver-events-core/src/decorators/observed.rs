use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tracing::{Instrument, Span, info_span};

use super::failure_log::FailureLog;
use super::forward::{forward_to_inner, inner_access};
use super::telemetry::{Telemetry, kind_label};
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::batch_results::BatchResults;
use crate::sink::receipt::Receipt;
use crate::sink::sink_error::SinkError;

/// Decorator that reports each call as a span of [`tracing`](https://docs.rs/tracing) and, with the feature `metrics`, to
/// the [`metrics`](https://docs.rs/metrics) facade.
///
/// The spans `send_event`, `send_events`, `flush_sink` and `close_sink` have the level `INFO` and the target of this crate;
/// `send_event` has the fields `kind`, `goal`, `id` and `sink`, `send_events` has `count` and `sink`. An error is an event of
/// the level `DEBUG` within the span; the first of several in a row is a warning.
///
/// | metric | labels | meaning |
/// |---|---|---|
/// | `driver_events_published_total` | `kind`, `sink` | events that the sink accepted |
/// | `driver_events_failed_total` | `kind`, `error`, `sink` | events with an error; `error` as [`SinkErrorKind::as_str`](crate::SinkErrorKind::as_str) |
/// | `driver_events_call_seconds` | `call`, `sink` | histogram of the time of `send`, `send_batch`, `flush` and `close` |
/// | `driver_events_retried_total` | `kind`, `sink` | attempts of `Retry` after a failed one |
/// | `driver_events_dropped_total` | `kind`, `reason`, `sink` | events that `Buffered` or [`BestEffort`](crate::BestEffort) lost |
///
/// The last two are counted by these decorators themselves, also without `Observed`. `sink` is the
/// [name](DriverEventSink::name) of the innermost sink; kinds that this version does not know are counted as `unknown`.
///
/// Outside a `Buffered`, it shows what the caller sees; inside, what the transport does.
///
/// ```
/// use driver_events_core::{DriverEventSink, DriverEventSinkExt, MemoryEventSink};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let sink = MemoryEventSink::new().observed();
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct Observed<S> {
    inner: S,
    sink: Arc<str>,
    telemetry: Telemetry,
    log: FailureLog,
}

impl<S: DriverEventSink> Observed<S> {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: S) -> Self {
        let sink: Arc<str> = inner.name().into();
        Self {
            inner,
            telemetry: Telemetry::new(Arc::clone(&sink)),
            sink,
            log: FailureLog::default(),
        }
    }

    /// Waits for a call within its span, and records its time.
    async fn call<T>(&self, name: &'static str, span: &Span, call: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let result = call.instrument(span.clone()).await;
        self.telemetry.took(name, start.elapsed());
        result
    }

    fn record(&self, kind: &'static str, result: &Result<Receipt, SinkError>) {
        match result {
            Ok(_) => {
                self.telemetry.published(kind);
                self.log.succeeded(&self.sink);
            }
            Err(error) => {
                self.telemetry.failed(kind, error.kind().as_str());
                self.failed(error);
            }
        }
    }

    fn failed(&self, error: &SinkError) {
        tracing::debug!(sink = &*self.sink, error = error.kind().as_str(), "{error}");
        self.log.failed(&self.sink, "a sink fails", error);
    }
}

inner_access!(Observed);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for Observed<S> {
    forward_to_inner!(guarantee, batch_order, name, publish);

    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let kind = kind_label(&envelope);
        let goal = envelope.goal_id().map(tracing::field::display);
        let span = info_span!("send_event", kind = envelope.kind(), goal, id = %envelope.id(), sink = &*self.sink);
        let result = self.call("send", &span, self.inner.send(envelope)).await;
        span.in_scope(|| self.record(kind, &result));
        result
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let kinds: Vec<_> = envelopes.iter().map(kind_label).collect();
        let span = info_span!("send_events", count = envelopes.len(), sink = &*self.sink);
        let mut results = BatchResults::new(envelopes.len());
        results.fill(self.call("send_batch", &span, self.inner.send_batch(envelopes)).await);
        let results = results.into_vec();
        span.in_scope(|| {
            for (kind, result) in kinds.into_iter().zip(&results) {
                self.record(kind, result);
            }
        });
        results
    }

    async fn flush(&self) -> Result<(), SinkError> {
        let span = info_span!("flush_sink", sink = &*self.sink);
        let result = self.call("flush", &span, self.inner.flush()).await;
        result.inspect_err(|error| span.in_scope(|| self.failed(error)))
    }

    async fn close(&self) -> Result<(), SinkError> {
        let span = info_span!("close_sink", sink = &*self.sink);
        let result = self.call("close", &span, self.inner.close()).await;
        result.inspect_err(|error| span.in_scope(|| self.failed(error)))
    }
}

/// Formats as `Observed(INNER)`.
impl<S: fmt::Debug> fmt::Debug for Observed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observed").field(&self.inner).finish()
    }
}

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::forward::{forward_to_inner, inner_access};
use crate::envelope::Envelope;
use crate::envelope::trace::Trace;
use crate::sink::DriverEventSink;
use crate::sink::receipt::Receipt;
use crate::sink::sink_error::SinkError;

/// Decorator that sets the [trace context](https://www.w3.org/TR/trace-context/) of each event.
///
/// A function of the caller returns the current one, for example from OpenTelemetry. It is called in the task that sends,
/// if the envelope has no trace context yet: a retry keeps that of the first attempt.
///
/// ```
/// use driver_events_core::{DriverEventSink, Envelope, MemoryEventSink, Trace, TraceContext};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let memory = MemoryEventSink::new();
/// // In a real program, from the current span.
/// let current = || Trace::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None::<&str>).ok();
/// let sink = TraceContext::new(memory.clone(), current);
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// assert!(memory.envelopes()[0].traceparent().is_some());
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct TraceContext<S> {
    inner: S,
    current: Arc<dyn Fn() -> Option<Trace> + Send + Sync>,
}

impl<S> TraceContext<S> {
    /// Wraps `inner`. `current` returns the trace context of the running task, if any. It must be fast and not block.
    #[must_use]
    pub fn new(inner: S, current: impl Fn() -> Option<Trace> + Send + Sync + 'static) -> Self {
        Self {
            inner,
            current: Arc::new(current),
        }
    }

    fn trace(&self, envelope: &Envelope) {
        if envelope.traceparent().is_none()
            && let Some(trace) = (self.current)()
        {
            envelope.set_trace_if_unset(trace);
        }
    }
}

inner_access!(TraceContext);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for TraceContext<S> {
    forward_to_inner!(guarantee, batch_order, name, flush, close, publish);

    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.trace(&envelope);
        self.inner.send(envelope).await
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        envelopes.iter().for_each(|envelope| self.trace(envelope));
        self.inner.send_batch(envelopes).await
    }
}

/// Formats as `TraceContext(INNER)`.
impl<S: fmt::Debug> fmt::Debug for TraceContext<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceContext").field(&self.inner).finish()
    }
}

use std::fmt;

use async_trait::async_trait;
use driver_events_types::DriverEvent;

use crate::envelope::Envelope;
use crate::envelope::event_filter::EventFilter;
use crate::sink::DriverEventSink;
use crate::sink::batch_order::BatchOrder;
use crate::sink::batch_results::BatchResults;
use crate::sink::receipt::{Guarantee, Receipt};
use crate::sink::sink_error::SinkError;

/// Decorator that sends the events selected by an [`EventFilter`] and drops the others with [`Receipt::Discarded`].
///
/// Its guarantee is [`Guarantee::None`], because `Ok` may mean that the event was dropped; the receipt distinguishes the
/// two cases. Below a [`Stamped`](crate::Stamped), dropped events appear as gaps to readers.
///
/// ```
/// use driver_events_core::{DriverEventSink, EventFilter, Filter, MemoryEventSink};
/// use driver_events_types::{DriverEvent, EventKind, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let filter = EventFilter::everything().kinds([EventKind::GoalCompleted]);
/// let sink = Filter::new(MemoryEventSink::new(), filter);
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// assert!(sink.get_ref().is_empty());
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct Filter<S> {
    inner: S,
    filter: EventFilter,
}

impl<S> Filter<S> {
    /// Wraps `inner`, which receives the events that `filter` selects.
    #[must_use]
    pub fn new(inner: S, filter: EventFilter) -> Self {
        Self { inner, filter }
    }

    /// Returns the inner sink.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Unwraps the inner sink.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for Filter<S> {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        if self.filter.selects(&envelope) {
            self.inner.send(envelope).await
        } else {
            Ok(Receipt::Discarded)
        }
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::None
    }

    fn batch_order(&self) -> BatchOrder {
        self.inner.batch_order()
    }

    fn name(&self) -> String {
        self.inner.name()
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut results = BatchResults::new(envelopes.len());
        let mut selected = Vec::with_capacity(envelopes.len());
        for (index, envelope) in envelopes.into_iter().enumerate() {
            if self.filter.selects(&envelope) {
                selected.push(envelope);
            } else {
                results.set(index, Ok(Receipt::Discarded));
            }
        }
        if !selected.is_empty() {
            results.fill(self.inner.send_batch(selected).await);
        }
        results.into_vec()
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.inner.flush().await
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.inner.close().await
    }

    async fn publish(&self, event: DriverEvent) -> Result<(), SinkError> {
        self.send(Envelope::new(event)).await.map(drop)
    }
}

/// Formats as `Filter(FILTER, INNER)`.
impl<S: fmt::Debug> fmt::Debug for Filter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.filter).field(&self.inner).finish()
    }
}

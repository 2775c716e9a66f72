use std::fmt;

use async_trait::async_trait;

use super::forward::{forward_to_inner, inner_access};
use crate::envelope::Envelope;
use crate::envelope::event_filter::EventFilter;
use crate::sink::DriverEventSink;
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
}

inner_access!(Filter);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for Filter<S> {
    forward_to_inner!(batch_order, name, flush, close, publish);

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
}

/// Formats as `Filter(FILTER, INNER)`.
impl<S: fmt::Debug> fmt::Debug for Filter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.filter).field(&self.inner).finish()
    }
}

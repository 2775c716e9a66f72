use std::fmt;

use async_trait::async_trait;

use crate::batch_results::pad_batch_results;
use crate::{DriverEventSink, Envelope, EventFilter, Guarantee, Receipt, SinkError};

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

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let selection: Vec<bool> = envelopes.iter().map(|envelope| self.filter.selects(envelope)).collect();
        let selected: Vec<Envelope> = envelopes
            .into_iter()
            .zip(&selection)
            .filter_map(|(envelope, is_selected)| is_selected.then_some(envelope))
            .collect();
        let results = if selected.is_empty() {
            Vec::new()
        } else {
            self.inner.send_batch(selected).await
        };
        let mut results = pad_batch_results(results, None);
        selection
            .into_iter()
            .map(|is_selected| {
                is_selected
                    .then(|| results.next())
                    .flatten()
                    .unwrap_or(Ok(Receipt::Discarded))
            })
            .collect()
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.inner.flush().await
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.inner.close().await
    }
}

/// Formats as `Filter(FILTER, INNER)`.
impl<S: fmt::Debug> fmt::Debug for Filter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.filter).field(&self.inner).finish()
    }
}

use std::fmt;

use async_trait::async_trait;

use crate::batch_results::pad_batch_results;
use crate::{DriverEventSink, Envelope, EventFilter, Guarantee, Receipt, SinkError};

/// Sends on what a filter selects, and drops the rest with [`Receipt::Discarded`].
///
/// Since `Ok` may mean "dropped", its guarantee is [`Guarantee::None`] whatever the inner sink promises; the receipt
/// tells of each event. Below a [`Stamped`](crate::Stamped) the numbers of what is dropped are gaps to the readers.
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
    /// Wraps `inner`, which gets what `filter` selects.
    #[must_use]
    pub fn new(inner: S, filter: EventFilter) -> Self {
        Self { inner, filter }
    }

    /// The sink that is wrapped.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Gives the sink back that is wrapped.
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
        let answers = if selected.is_empty() {
            Vec::new()
        } else {
            self.inner.send_batch(selected).await
        };
        let mut answers = pad_batch_results(answers, None);
        selection
            .into_iter()
            .map(|is_selected| {
                is_selected
                    .then(|| answers.next())
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

/// `Filter(FILTER, INNER)`.
impl<S: fmt::Debug> fmt::Debug for Filter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.filter).field(&self.inner).finish()
    }
}

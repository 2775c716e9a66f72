use std::collections::HashMap;
use std::sync::Arc;

use driver_events_core::{BatchResults, DriverEventSink, Envelope, Receipt, SinkError, SinkErrorKind};
use tokio::task::{Id, JoinSet};

use super::window::Item;

/// Calls of a target's sink in flight. Dropping it cancels them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    tasks: JoinSet<Vec<Result<Receipt, SinkError>>>,
    items: HashMap<Id, Vec<Item>>,
}

/// A call that has ended: its events, and a result for each.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) items: Vec<Item>,
    pub(super) results: Vec<Result<Receipt, SinkError>>,
}

/// Sends a batch. An event that the sink only keeps in memory counts once a flush has succeeded.
async fn send(sink: &dyn DriverEventSink, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
    let mut results = sink.send_batch(envelopes).await;
    let is_in_memory = |result: &Result<Receipt, SinkError>| matches!(result, Ok(Receipt::Buffered));
    if results.iter().any(is_in_memory)
        && let Err(error) = sink.flush().await
    {
        for result in results.iter_mut().filter(|result| is_in_memory(result)) {
            *result = Err(SinkError::new(error.kind(), format!("flush failed: {error}")));
        }
    }
    results
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Sends a batch, in a task of its own: a sink that panics costs no event.
    pub(super) fn send(&mut self, sink: Arc<dyn DriverEventSink>, items: Vec<Item>) {
        let envelopes = items.iter().map(|item| item.envelope.clone()).collect();
        let call = self.tasks.spawn(async move { send(&*sink, envelopes).await });
        self.items.insert(call.id(), items);
    }

    /// Waits for the next call to end. Returns `None` without one.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Finished> {
        let (id, sent) = match self.tasks.join_next_with_id().await? {
            Ok((id, results)) => (id, Ok(results)),
            Err(panic) => (panic.id(), Err(panic.to_string())),
        };
        let items = self.items.remove(&id).unwrap_or_default();
        let mut results = BatchResults::new(items.len());
        match sent {
            Ok(sent) => results.fill(sent),
            Err(panic) => results.fill(std::iter::repeat_with(|| {
                Err(SinkError::new(
                    SinkErrorKind::Fatal,
                    format!("the sink panicked: {panic}"),
                ))
            })),
        }
        Some(Finished {
            items,
            results: results.into_vec(),
        })
    }
}

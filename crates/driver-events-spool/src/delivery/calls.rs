use std::collections::HashMap;
use std::sync::Arc;

use driver_events_core::{BatchResults, DriverEventSink, Envelope, Receipt, SinkError, SinkErrorKind};
use tokio::task::{Id, JoinSet};

use super::window::Item;

/// Calls of a target's sink in flight. Dropping it cancels them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    tasks: JoinSet<Vec<Result<Receipt, SinkError>>>,
    sent: HashMap<Id, (Arc<dyn DriverEventSink>, Vec<Item>)>,
}

/// A call that has ended: its sink, its events, and a result for each.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) sink: Arc<dyn DriverEventSink>,
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
        self.sent.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Sends a batch, in a task of its own: a sink that panics costs no event.
    pub(super) fn send(&mut self, sink: Arc<dyn DriverEventSink>, items: Vec<Item>) {
        let envelopes = items.iter().map(|item| item.envelope.clone()).collect();
        let called = Arc::clone(&sink);
        let call = self.tasks.spawn(async move { send(&*called, envelopes).await });
        self.sent.insert(call.id(), (sink, items));
    }

    /// Waits for the next call to end. Returns `None` without one.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Finished> {
        let (id, ended) = match self.tasks.join_next_with_id().await? {
            Ok((id, results)) => (id, Ok(results)),
            Err(panic) => (panic.id(), Err(panic.to_string())),
        };
        let (sink, items) = self.sent.remove(&id)?;
        let mut results = BatchResults::new(items.len());
        match ended {
            Ok(ended) => results.fill(ended),
            Err(panic) => results.fill(std::iter::repeat_with(|| {
                Err(SinkError::new(
                    SinkErrorKind::Fatal,
                    format!("the sink panicked: {panic}"),
                ))
            })),
        }
        Some(Finished {
            sink,
            items,
            results: results.into_vec(),
        })
    }
}

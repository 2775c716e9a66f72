use std::collections::HashMap;
use std::sync::Arc;

use driver_events_core::{BatchResults, DriverEventSink, Receipt, SinkError, SinkErrorKind};
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
        let call = self.tasks.spawn(async move { sink.send_batch(envelopes).await });
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

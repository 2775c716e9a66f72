use std::sync::Arc;

use super::buffer::Buffer;
use crate::catch_panic::{catch_panic, panic_message};
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::batch_results::BatchResults;
use crate::sink::sink_error::{SinkError, SinkErrorKind};

/// Sends what is in the buffer, one batch at a time, so that events keep their order.
pub(super) struct Worker<S> {
    pub(super) buffer: Arc<Buffer>,
    pub(super) inner: Arc<S>,
    /// Events that the inner sink is sending.
    pub(super) in_flight: Vec<Envelope>,
}

impl<S: DriverEventSink> Worker<S> {
    /// Runs until the sink is closed and the buffer is empty.
    pub(super) async fn run(mut self) {
        while let Some(batch) = self.buffer.next_batch().await {
            self.in_flight.clone_from(&batch);
            let mut results = BatchResults::new(batch.len());
            match catch_panic(self.inner.send_batch(batch)).await {
                Ok(sent) => results.fill(sent),
                Err(panic) => results.fill(std::iter::repeat_with(|| {
                    let message = format!("panicked: {}", panic_message(&*panic));
                    Err(SinkError::new(SinkErrorKind::Fatal, message))
                })),
            }
            self.buffer
                .settle(&std::mem::take(&mut self.in_flight), results.into_vec());
        }
    }
}

/// The worker ends when its task is aborted, too, or with the runtime.
impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        self.buffer.worker_ended(&self.in_flight);
    }
}

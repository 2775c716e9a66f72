use async_trait::async_trait;
use driver_events_core::{BatchOrder, DriverEventSink, Envelope, Guarantee, Receipt, SinkError};
use driver_events_types::DriverEvent;

use crate::writer::WriterEventSink;

/// A sink that writes one line per event to the process's stdout, with the guarantees of [`WriterEventSink`].
///
/// It may share stdout with code that prints: each batch of lines is written under stdout's lock, so that neither tears
/// the other's lines. Unlike `println!`, it does not panic if stdout is closed.
///
/// If stdout is a terminal, control and invisible characters are escaped, in JSON as `\u` with four digits: the decoded
/// event is unchanged, but its bytes are not.
#[derive(Debug)]
pub struct StdoutEventSink(WriterEventSink);

impl StdoutEventSink {
    pub(crate) fn new_with(inner: WriterEventSink) -> Self {
        Self(inner)
    }
}

impl Default for StdoutEventSink {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl DriverEventSink for StdoutEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.0.send(envelope).await
    }

    fn guarantee(&self) -> Guarantee {
        self.0.guarantee()
    }

    fn batch_order(&self) -> BatchOrder {
        self.0.batch_order()
    }

    fn name(&self) -> String {
        "StdoutEventSink".to_owned()
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        self.0.send_batch(envelopes).await
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.0.flush().await
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.0.close().await
    }

    async fn publish(&self, event: DriverEvent) -> Result<(), SinkError> {
        self.0.publish(event).await
    }
}

use async_trait::async_trait;
use driver_events_core::{DriverEventSink, Envelope, Guarantee, Receipt, SinkError};

use crate::{WriterEventSink, WriterEventSinkBuilder};

/// Writes one line an event to the process's stdout: a [`WriterEventSink`] in all that it promises.
///
/// It may share stdout with code that prints: each chunk of lines goes out under stdout's lock, so neither tears the
/// other's lines. Where stdout is closed, or its reader goes away, nothing panics, unlike with `println!`.
///
/// Where stdout is a terminal, what it would obey or not show is escaped, in JSON by `\u` and four digits: the event is
/// the same, and its bytes are not.
#[derive(Debug)]
pub struct StdoutEventSink(WriterEventSink);

impl StdoutEventSink {
    /// Writes bare JSON, with a buffer of 1 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build_stdout()
    }

    /// Settings: the format, colour, the size of the buffer. Ends with
    /// [`build_stdout`](WriterEventSinkBuilder::build_stdout).
    pub fn builder() -> WriterEventSinkBuilder {
        WriterEventSink::builder()
    }

    pub(crate) fn over(inner: WriterEventSink) -> Self {
        Self(inner)
    }
}

impl Default for StdoutEventSink {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl DriverEventSink for StdoutEventSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.0.send(envelope).await
    }

    fn guarantee(&self) -> Guarantee {
        self.0.guarantee()
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
}

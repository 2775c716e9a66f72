use std::sync::Mutex;

use async_trait::async_trait;
use driver_events_core::conformance::samples;
use driver_events_core::{BatchOrder, DriverEventSink, Envelope, Guarantee, Receipt, SinkError, SinkErrorKind};

/// Returns a small event of goal 1.
pub(crate) fn event(number: u32) -> Envelope {
    event_of(1, number)
}

pub(crate) fn event_of(goal: u32, number: u32) -> Envelope {
    Envelope::new(samples::numbered(samples::goal(goal), number))
}

/// Sink whose `send`, `flush` and `close` return the result of a function.
pub(crate) struct StubSink<F>(pub(crate) F);

#[async_trait]
impl<F: Fn() -> Result<Receipt, SinkError> + Send + Sync + 'static> DriverEventSink for StubSink<F> {
    async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
        (self.0)()
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::None
    }

    async fn flush(&self) -> Result<(), SinkError> {
        (self.0)().map(drop)
    }
}

impl<F> std::fmt::Debug for StubSink<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StubSink")
    }
}

pub(crate) fn failing_sink(kind: SinkErrorKind) -> StubSink<impl Fn() -> Result<Receipt, SinkError>> {
    StubSink(move || Err(SinkError::new(kind, format!("{kind:?}"))))
}

/// Violates the contract: returns one result for a batch of any length.
#[derive(Debug)]
pub(crate) struct ShortBatchSink;

#[async_trait]
impl DriverEventSink for ShortBatchSink {
    async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
        Ok(Receipt::Written)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::None
    }

    async fn send_batch(&self, _: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        vec![Ok(Receipt::Written)]
    }
}

/// Records the names of the called methods.
#[derive(Debug, Default)]
pub(crate) struct RecordingSink(Mutex<Vec<&'static str>>);

impl RecordingSink {
    /// Returns the calls since the last `take_calls`.
    pub(crate) fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn record(&self, call: &'static str) {
        self.0.lock().unwrap().push(call);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl DriverEventSink for RecordingSink {
    async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
        self.record("send");
        Ok(Receipt::Spooled)
    }

    fn guarantee(&self) -> Guarantee {
        self.record("guarantee");
        Guarantee::Spooled
    }

    fn batch_order(&self) -> BatchOrder {
        self.record("batch_order");
        BatchOrder::BestEffort
    }

    fn name(&self) -> String {
        self.record("name");
        "recording".to_owned()
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        self.record("send_batch");
        envelopes.iter().map(|_| Ok(Receipt::Spooled)).collect()
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.record("flush");
        Ok(())
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.record("close");
        Ok(())
    }

    async fn publish(&self, _: driver_events_types::DriverEvent) -> Result<(), SinkError> {
        self.record("publish");
        Ok(())
    }
}

/// Never returns.
#[derive(Debug)]
pub(crate) struct HangingSink;

#[async_trait]
impl DriverEventSink for HangingSink {
    async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
        std::future::pending().await
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Stored
    }

    async fn flush(&self) -> Result<(), SinkError> {
        std::future::pending().await
    }
}

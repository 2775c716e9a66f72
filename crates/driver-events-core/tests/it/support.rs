use std::sync::Mutex;

use async_trait::async_trait;
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Envelope, Guarantee, Receipt, SinkError, SinkErrorKind};

/// A small event of goal 1.
pub(crate) fn event(number: u32) -> Envelope {
    event_of(1, number)
}

pub(crate) fn event_of(goal: u32, number: u32) -> Envelope {
    Envelope::new(samples::numbered(samples::goal(goal), number))
}

/// A sink that answers what a function says, to `send`, `flush` and `close`.
pub(crate) struct Answers<F>(pub(crate) F);

#[async_trait]
impl<F: Fn() -> Result<Receipt, SinkError> + Send + Sync + 'static> DriverEventSink for Answers<F> {
    async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
        (self.0)()
    }

    async fn flush(&self) -> Result<(), SinkError> {
        (self.0)().map(drop)
    }
}

impl<F> std::fmt::Debug for Answers<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answers")
    }
}

pub(crate) fn failing(kind: SinkErrorKind) -> Answers<impl Fn() -> Result<Receipt, SinkError>> {
    Answers(move || Err(SinkError::new(kind, format!("{kind:?}"))))
}

/// Answers every batch with results for its first envelope only.
#[derive(Debug)]
pub(crate) struct AnswersOne;

#[async_trait]
impl DriverEventSink for AnswersOne {
    async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
        Ok(Receipt::Written)
    }

    async fn send_batch(&self, _: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        vec![Ok(Receipt::Written)]
    }
}

/// Remembers which of its methods were called.
#[derive(Debug, Default)]
pub(crate) struct Recording(Mutex<Vec<&'static str>>);

impl Recording {
    /// What was called since the last look.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn note(&self, call: &'static str) {
        self.0.lock().unwrap().push(call);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl DriverEventSink for Recording {
    async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
        self.note("send");
        Ok(Receipt::Spooled)
    }

    fn guarantee(&self) -> Guarantee {
        self.note("guarantee");
        Guarantee::Spooled
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        self.note("send_batch");
        envelopes.iter().map(|_| Ok(Receipt::Spooled)).collect()
    }

    async fn flush(&self) -> Result<(), SinkError> {
        self.note("flush");
        Ok(())
    }

    async fn close(&self) -> Result<(), SinkError> {
        self.note("close");
        Ok(())
    }

    async fn publish(&self, _: driver_events_types::DriverEvent) -> Result<(), SinkError> {
        self.note("publish");
        Ok(())
    }
}

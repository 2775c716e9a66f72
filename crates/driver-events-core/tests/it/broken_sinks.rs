//! The conformance suite fails on sinks that are wrong: each of these is wrong in one way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::conformance::{self, Capabilities, Fixture};
use driver_events_core::{DriverEventSink, Envelope, Guarantee, MemoryEventSink, Receipt, SinkError, SinkErrorKind};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    LosesEveryTenth,
    StoresTwice,
    Reencodes,
    PromisesTooMuch,
    DropsUnknownKinds,
    MintsIds,
    SwallowsRefusals,
    MisplacesResults,
    ReversesBatches,
    PublishesElsewhere,
    FlushLosesTheLast,
    AcceptsAfterClose,
    ClosesOnce,
    LosesWhatWasCancelled,
}

#[derive(Debug)]
struct Broken {
    fault: Fault,
    memory: MemoryEventSink,
    sent: AtomicU32,
    is_closed: AtomicBool,
    is_busy: AtomicBool,
}

impl Broken {
    async fn store(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.memory.send(envelope).await
    }
}

#[async_trait]
impl DriverEventSink for Broken {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Fault::LosesEveryTenth if number % 10 == 9 => Ok(Receipt::Buffered),
            Fault::DropsUnknownKinds if envelope.event().is_none() => Ok(Receipt::Buffered),
            Fault::StoresTwice => {
                self.store(envelope.clone()).await?;
                self.store(envelope).await
            }
            Fault::Reencodes => match envelope.event() {
                Some(event) => {
                    self.store(Envelope::new(event.clone()).with_id(envelope.id().clone()))
                        .await
                }
                None => self.store(envelope).await,
            },
            Fault::MintsIds => {
                let json = envelope.json()?;
                let received = Envelope::from_json(Bytes::clone(json));
                self.store(received.map_err(|error| SinkError::new(SinkErrorKind::Fatal, error.to_string()))?)
                    .await
            }
            Fault::SwallowsRefusals => Ok(self.store(envelope).await.unwrap_or(Receipt::Buffered)),
            Fault::AcceptsAfterClose if self.is_closed.load(Ordering::Relaxed) => Ok(Receipt::Buffered),
            Fault::LosesWhatWasCancelled => {
                // Set for ever when the future is dropped at the await.
                let was_busy = self.is_busy.swap(true, Ordering::Relaxed);
                tokio::task::yield_now().await;
                self.is_busy.store(false, Ordering::Relaxed);
                if was_busy {
                    Ok(Receipt::Buffered)
                } else {
                    self.store(envelope).await
                }
            }
            _ => self.store(envelope).await,
        }
    }

    fn guarantee(&self) -> Guarantee {
        if self.fault == Fault::PromisesTooMuch {
            Guarantee::Written
        } else {
            Guarantee::Buffered
        }
    }

    async fn send_batch(&self, mut envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        if self.fault == Fault::ReversesBatches {
            envelopes.reverse();
        }
        let mut results = Vec::new();
        for envelope in envelopes {
            results.push(self.send(envelope).await);
        }
        if matches!(self.fault, Fault::ReversesBatches | Fault::MisplacesResults) {
            results.reverse();
        }
        results
    }

    async fn flush(&self) -> Result<(), SinkError> {
        if self.fault == Fault::FlushLosesTheLast {
            let mut kept = self.memory.drain();
            kept.pop();
            for envelope in kept {
                self.store(envelope).await?;
            }
        }
        Ok(())
    }

    async fn close(&self) -> Result<(), SinkError> {
        let was_closed = self.is_closed.swap(true, Ordering::Relaxed);
        if self.fault == Fault::ClosesOnce && was_closed {
            return Err(SinkError::new(SinkErrorKind::Closed, "closed already"));
        }
        self.flush().await?;
        self.memory.close().await
    }

    async fn publish(&self, event: driver_events_types::DriverEvent) -> Result<(), SinkError> {
        if self.fault == Fault::PublishesElsewhere {
            return Ok(());
        }
        self.send(Envelope::new(event)).await.map(drop)
    }
}

#[async_trait]
impl Fixture for Fault {
    type Store = MemoryEventSink;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, MemoryEventSink) {
        let memory = MemoryEventSink::new();
        let sink = Broken {
            fault: *self,
            memory: memory.clone(),
            sent: AtomicU32::new(0),
            is_closed: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
        };
        (Arc::new(sink), memory)
    }

    async fn stored(&self, store: &MemoryEventSink) -> Vec<Envelope> {
        store.envelopes()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(if *self == Fault::PromisesTooMuch {
            Guarantee::Written
        } else {
            Guarantee::Buffered
        })
    }
}

/// Why the suite fails, if it does.
async fn verdict(property: impl Future<Output = ()> + Send + 'static) -> Option<String> {
    let panic = tokio::spawn(property).await.err()?.into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
}

#[tokio::test]
async fn the_sink_without_a_fault_passes() {
    conformance::run(&Fault::None).await;
}

#[tokio::test]
async fn every_fault_is_found_and_told() {
    let cases = [
        (Fault::LosesEveryTenth, "must be stored as it was sent"),
        (Fault::StoresTwice, "must be stored"),
        (Fault::Reencodes, "must be stored as it was sent"),
        (
            Fault::PromisesTooMuch,
            "the sink guarantees Written, but the receipt is Buffered",
        ),
        (Fault::DropsUnknownKinds, "must be stored as it was sent"),
        (Fault::MintsIds, "the id must be kept"),
        (
            Fault::SwallowsRefusals,
            "each result must stand in the place of its envelope",
        ),
        (
            Fault::MisplacesResults,
            "each result must stand in the place of its envelope",
        ),
        (Fault::ReversesBatches, "must be stored as it was sent"),
        (Fault::PublishesElsewhere, "must be stored as it was sent"),
        (Fault::FlushLosesTheLast, "must be stored as it was sent"),
        (Fault::AcceptsAfterClose, "must be refused as Closed"),
        (Fault::ClosesOnce, "close must be Ok"),
        (Fault::LosesWhatWasCancelled, "must be stored"),
    ];
    for (fault, reason) in cases {
        let told = verdict(async move { conformance::run(&fault).await }).await;
        let told = told.unwrap_or_else(|| panic!("{fault:?} passes"));
        assert!(told.contains(reason), "{fault:?}: {told}");
    }
}

#[tokio::test]
async fn properties_stand_alone() {
    assert!(
        verdict(conformance::keeps_order_of_batches(&Fault::ReversesBatches))
            .await
            .is_some()
    );
    assert!(
        verdict(conformance::keeps_order_of_sends(&Fault::ReversesBatches))
            .await
            .is_none()
    );
    assert!(
        verdict(conformance::survives_cancelled_sends(&Fault::LosesWhatWasCancelled))
            .await
            .is_some()
    );
}

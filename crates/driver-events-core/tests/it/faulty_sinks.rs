//! The conformance suite detects faulty sinks. Each one has a single fault.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::conformance::{self, Capabilities, Fixture};
use driver_events_core::{
    DriverEventSink, Envelope, FailedGoals, FailingEventSink, Guarantee, MemoryEventSink, Receipt, SinkError,
    SinkErrorKind,
};
use driver_events_types::serde_json::{self, Value};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    LosesEveryTenth,
    StoresTwice,
    Reencodes,
    OverstatesGuarantee,
    DropsUnknownKinds,
    DropsUnknownValues,
    ParsesUnknownEvents,
    ReplacesIds,
    IgnoresRejections,
    IgnoresCapacity,
    ReversesSends,
    ReversesResults,
    ReversesBatches,
    OvertakesFailedEvents,
    PublishDropsEvents,
    FlushLosesTheLast,
    AcceptsAfterClose,
    SecondCloseFails,
    CloseLosesTheLast,
    DropsWhileBusy,
    CancelledCloseLosesEvents,
}

#[derive(Debug)]
struct FaultySink {
    fault: Fault,
    memory: FailingEventSink<MemoryEventSink>,
    unflushed: Mutex<Vec<Envelope>>,
    sent: AtomicU32,
    is_closed: AtomicBool,
    is_busy: AtomicBool,
}

impl FaultySink {
    async fn store(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.memory.send(envelope).await
    }

    async fn store_all(&self, envelopes: Vec<Envelope>) -> Result<(), SinkError> {
        for envelope in envelopes {
            self.store(envelope).await?;
        }
        Ok(())
    }

    async fn lose_last(&self) -> Result<(), SinkError> {
        let mut stored = self.memory.get_ref().drain();
        stored.pop();
        self.store_all(stored).await
    }
}

#[async_trait]
impl DriverEventSink for FaultySink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Fault::LosesEveryTenth if number % 10 == 9 => Ok(Receipt::Buffered),
            Fault::DropsUnknownKinds if envelope.decoded().known_kind().is_none() => Ok(Receipt::Buffered),
            Fault::DropsUnknownValues if envelope.event().is_none() && envelope.decoded().known_kind().is_some() => {
                Ok(Receipt::Buffered)
            }
            Fault::ParsesUnknownEvents if envelope.event().is_none() => {
                let parsed: Option<Value> = serde_json::from_slice(envelope.json()?).ok();
                match parsed.and_then(|value| Envelope::from_json(value.to_string()).ok()) {
                    Some(parsed) => self.store(parsed.with_id(envelope.id().clone())).await,
                    None => self.store(envelope).await,
                }
            }
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
            Fault::ReplacesIds => {
                let json = envelope.json()?;
                let received = Envelope::from_json(Bytes::clone(json));
                self.store(received.map_err(|error| SinkError::new(SinkErrorKind::Fatal, error.to_string()))?)
                    .await
            }
            Fault::IgnoresRejections => Ok(self.store(envelope).await.unwrap_or(Receipt::Buffered)),
            Fault::ReversesSends => {
                envelope.json()?;
                self.unflushed.lock().unwrap().push(envelope);
                Ok(Receipt::Buffered)
            }
            Fault::AcceptsAfterClose if self.is_closed.load(Ordering::Relaxed) => Ok(Receipt::Buffered),
            Fault::DropsWhileBusy => {
                // Stays set if the future is dropped at the await.
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
        if self.fault == Fault::OverstatesGuarantee {
            Guarantee::Written
        } else {
            Guarantee::Buffered
        }
    }

    async fn send_batch(&self, mut envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        if self.fault == Fault::ReversesBatches {
            envelopes.reverse();
        }
        let mut failed = FailedGoals::default();
        let mut results = Vec::new();
        for envelope in envelopes {
            let goal_id = envelope.goal_id();
            let result = match failed.check(goal_id) {
                Err(error) if self.fault != Fault::OvertakesFailedEvents => Err(error),
                _ => self.send(envelope).await,
            };
            failed.record(goal_id, &result);
            results.push(result);
        }
        if matches!(self.fault, Fault::ReversesBatches | Fault::ReversesResults) {
            results.reverse();
        }
        results
    }

    async fn flush(&self) -> Result<(), SinkError> {
        if self.fault == Fault::FlushLosesTheLast {
            self.lose_last().await?;
        }
        let mut unflushed = std::mem::take(&mut *self.unflushed.lock().unwrap());
        unflushed.reverse();
        self.store_all(unflushed).await
    }

    async fn close(&self) -> Result<(), SinkError> {
        let was_closed = self.is_closed.swap(true, Ordering::Relaxed);
        match self.fault {
            Fault::SecondCloseFails if was_closed => {
                return Err(SinkError::new(SinkErrorKind::Closed, "already closed"));
            }
            Fault::CloseLosesTheLast if !was_closed => self.lose_last().await?,
            Fault::CancelledCloseLosesEvents if !was_closed => {
                let stored = self.memory.get_ref().drain();
                tokio::task::yield_now().await;
                self.store_all(stored).await?;
            }
            _ => {}
        }
        self.flush().await?;
        self.memory.close().await
    }

    async fn publish(&self, event: driver_events_types::DriverEvent) -> Result<(), SinkError> {
        if self.fault == Fault::PublishDropsEvents {
            return Ok(());
        }
        self.send(Envelope::new(event)).await.map(drop)
    }
}

impl Fault {
    fn sink(self, memory: FailingEventSink<MemoryEventSink>) -> FaultySink {
        FaultySink {
            fault: self,
            memory,
            unflushed: Mutex::default(),
            sent: AtomicU32::new(0),
            is_closed: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl Fixture for Fault {
    type Store = MemoryEventSink;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, MemoryEventSink) {
        let memory = match self.capabilities().capacity {
            Some(capacity) if *self != Fault::IgnoresCapacity => MemoryEventSink::bounded(capacity),
            _ => MemoryEventSink::new(),
        };
        (Arc::new(self.sink(FailingEventSink::new(memory.clone()))), memory)
    }

    async fn start_failing(&self) -> Option<(Arc<dyn DriverEventSink>, MemoryEventSink)> {
        let memory = MemoryEventSink::new();
        let failing = FailingEventSink::new(memory.clone()).fail(2, SinkErrorKind::Timeout);
        Some((Arc::new(self.sink(failing)), memory))
    }

    async fn stored(&self, store: &MemoryEventSink) -> Vec<Envelope> {
        store.envelopes()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new(if *self == Fault::OverstatesGuarantee {
            Guarantee::Written
        } else {
            Guarantee::Buffered
        });
        capabilities.capacity = Some(1_000);
        capabilities
    }
}

/// Counts how often a property starts a sink.
struct CountingFixture {
    inner: Fault,
    starts: AtomicU32,
}

#[async_trait]
impl Fixture for CountingFixture {
    type Store = MemoryEventSink;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, MemoryEventSink) {
        self.starts.fetch_add(1, Ordering::Relaxed);
        self.inner.start().await
    }

    async fn start_failing(&self) -> Option<(Arc<dyn DriverEventSink>, MemoryEventSink)> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        self.inner.start_failing().await
    }

    async fn stored(&self, store: &MemoryEventSink) -> Vec<Envelope> {
        self.inner.stored(store).await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

type Property<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Returns every property of the suite with its name and a fault that it detects.
macro_rules! properties {
    ($fixture:expr, $($property:ident: $fault:ident,)*) => {
        [$((stringify!($property), Fault::$fault, Box::pin(conformance::$property($fixture)) as Property<'_>)),*]
    };
}

fn properties(fixture: &CountingFixture) -> [(&'static str, Fault, Property<'_>); 20] {
    properties!(
        fixture,
        meets_guarantee: OverstatesGuarantee,
        stores_every_kind: LosesEveryTenth,
        stores_received_bytes: Reencodes,
        stores_unknown_kinds: DropsUnknownKinds,
        keeps_attributes: ReplacesIds,
        publish_matches_send: PublishDropsEvents,
        returns_batch_results_in_order: ReversesResults,
        rejects_unencodable_events: IgnoresRejections,
        rejects_too_large_events: IgnoresRejections,
        returns_full_at_capacity: IgnoresCapacity,
        keeps_order_of_sends: ReversesSends,
        keeps_order_of_batches: ReversesBatches,
        keeps_order_of_concurrent_tasks: DropsWhileBusy,
        keeps_order_after_failure: OvertakesFailedEvents,
        flushes: FlushLosesTheLast,
        closes: SecondCloseFails,
        closes_during_sends: CloseLosesTheLast,
        survives_cancelled_sends: DropsWhileBusy,
        survives_cancelled_batches: DropsWhileBusy,
        survives_cancelled_close: CancelledCloseLosesEvents,
    )
}

fn counting(inner: Fault) -> CountingFixture {
    CountingFixture {
        inner,
        starts: AtomicU32::new(0),
    }
}

/// Returns the panic message of a property, or `None` if it holds.
async fn failure(property: impl Future<Output = ()> + Send + 'static) -> Option<String> {
    let panic = tokio::spawn(property).await.err()?.into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
}

#[tokio::test]
async fn faultless_sink_passes() {
    conformance::run(&Fault::None).await;
}

#[tokio::test]
async fn run_detects_every_fault() {
    let cases = [
        (Fault::LosesEveryTenth, "unexpected stored event"),
        (Fault::StoresTwice, "unexpected stored event"),
        (Fault::Reencodes, "unexpected stored event"),
        (
            Fault::OverstatesGuarantee,
            "receipt Buffered is weaker than the guarantee Written",
        ),
        (Fault::DropsUnknownKinds, "unexpected stored event"),
        (Fault::DropsUnknownValues, "unexpected stored event"),
        (Fault::ParsesUnknownEvents, "unexpected stored event"),
        (Fault::ReplacesIds, "id not preserved"),
        (Fault::IgnoresRejections, "unexpected results of the batch"),
        (Fault::IgnoresCapacity, "expected Full, got Buffered"),
        (Fault::ReversesSends, "unexpected stored event"),
        (Fault::ReversesResults, "unexpected results of the batch"),
        (Fault::ReversesBatches, "unexpected stored event"),
        (Fault::PublishDropsEvents, "unexpected stored event"),
        (Fault::FlushLosesTheLast, "unexpected stored event"),
        (Fault::AcceptsAfterClose, "expected Closed, got Buffered"),
        (Fault::SecondCloseFails, "close failed"),
        (Fault::CloseLosesTheLast, "unexpected stored event"),
        (Fault::DropsWhileBusy, "unexpected stored event"),
        (Fault::CancelledCloseLosesEvents, "close failed"),
    ];
    for (fault, expected) in cases {
        let failure = failure(async move { conformance::run(&fault).await }).await;
        let failure = failure.unwrap_or_else(|| panic!("{fault:?} not detected"));
        assert!(failure.contains(expected), "{fault:?}: {failure}");
    }
}

#[tokio::test]
async fn every_property_detects_a_fault() {
    let names_and_faults = properties(&counting(Fault::None)).map(|(name, fault, _)| (name, fault));
    for (index, (name, fault)) in names_and_faults.into_iter().enumerate() {
        let property = async move {
            let fixture = counting(fault);
            let properties = properties(&fixture);
            if let Some((_, _, property)) = properties.into_iter().nth(index) {
                property.await;
            }
        };
        assert!(failure(property).await.is_some(), "{name} does not detect {fault:?}");
    }
}

/// Counts started sinks, so that a property missing from `run` is noticed.
#[tokio::test]
async fn run_checks_every_property() {
    let each = counting(Fault::None);
    for (name, _, property) in properties(&each) {
        let before = each.starts.load(Ordering::Relaxed);
        property.await;
        assert!(each.starts.load(Ordering::Relaxed) > before, "{name} starts no sink");
    }
    let all = counting(Fault::None);
    conformance::run(&all).await;
    assert_eq!(all.starts.into_inner(), each.starts.into_inner());
}

#[tokio::test]
async fn properties_are_independent() {
    let reversed = Fault::ReversesBatches;
    assert!(
        failure(async move { conformance::keeps_order_of_sends(&reversed).await })
            .await
            .is_none()
    );
}

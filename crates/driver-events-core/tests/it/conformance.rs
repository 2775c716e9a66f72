use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::conformance::{self, Capabilities, Fixture};
use driver_events_core::{
    Backoff, Buffered, DriverEventSink, DriverEventSinkExt, Envelope, EventFilter, FailingEventSink, FanOut, Filter,
    Guarantee, MemoryEventSink, NoopEventSink, OnFull, Redaction, SinkErrorKind, Trace, TraceContext,
};

/// The sink below the decorators.
type Inner = FailingEventSink<MemoryEventSink>;

/// Fixture of a decorator around a memory sink, of which one event can be made to fail.
struct Decorated<F> {
    decorate: F,
    capabilities: Capabilities,
    /// Whether the caller sees that an event of the inner sink fails.
    shows_failures: bool,
    memories: Mutex<Vec<MemoryEventSink>>,
}

impl<F> Decorated<F> {
    fn new(capabilities: Capabilities, decorate: F) -> Self {
        Self {
            decorate,
            shows_failures: capabilities.stores,
            capabilities,
            memories: Mutex::default(),
        }
    }
}

#[async_trait]
impl<F> Fixture for Decorated<F>
where
    F: Fn(Inner) -> Arc<dyn DriverEventSink> + Send + Sync,
{
    type Store = MemoryEventSink;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, MemoryEventSink) {
        let memory = match self.capabilities.capacity {
            Some(capacity) => MemoryEventSink::bounded(capacity),
            None => MemoryEventSink::new(),
        };
        self.memories.lock().unwrap().push(memory.clone());
        ((self.decorate)(FailingEventSink::new(memory.clone())), memory)
    }

    async fn start_failing(&self) -> Option<(Arc<dyn DriverEventSink>, MemoryEventSink)> {
        if !self.shows_failures {
            return None;
        }
        let memory = MemoryEventSink::new();
        let failing = FailingEventSink::new(memory.clone()).fail(2, SinkErrorKind::Disconnected);
        Some(((self.decorate)(failing), memory))
    }

    async fn stored(&self, store: &MemoryEventSink) -> Vec<Envelope> {
        store.envelopes()
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }
}

async fn run(guarantee: Guarantee, decorate: impl Fn(Inner) -> Arc<dyn DriverEventSink> + Send + Sync) {
    conformance::run(&Decorated::new(Capabilities::new(guarantee), decorate)).await;
}

/// Runs the suite for a decorator that hides the failures of its inner sink.
async fn run_hiding_failures(guarantee: Guarantee, decorate: impl Fn(Inner) -> Arc<dyn DriverEventSink> + Send + Sync) {
    let mut fixture = Decorated::new(Capabilities::new(guarantee), decorate);
    fixture.shows_failures = false;
    conformance::run(&fixture).await;
}

/// Capabilities of a sink that drops every event unseen.
fn discarding() -> Capabilities {
    let mut capabilities = Capabilities::new(Guarantee::None);
    capabilities.stores = false;
    capabilities.rejects_invalid = false;
    capabilities.rejects_after_close = false;
    capabilities
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    run(Guarantee::Buffered, |memory| Arc::new(memory)).await;
}

#[tokio::test]
async fn memory_on_one_thread() {
    run(Guarantee::Buffered, |memory| Arc::new(memory)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bounded_memory() {
    let mut capabilities = Capabilities::new(Guarantee::Buffered);
    capabilities.capacity = Some(1_000);
    conformance::run(&Decorated::new(capabilities, |memory| Arc::new(memory) as _)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn arc_and_box() {
    run(Guarantee::Buffered, |memory| {
        let boxed: Box<dyn DriverEventSink> = Box::new(memory);
        Arc::new(Arc::new(boxed))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn noop() {
    conformance::run(&Decorated::new(discarding(), |_| Arc::new(NoopEventSink) as _)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stamped() {
    run(Guarantee::Buffered, |memory| {
        Arc::new(memory.stamped("urn:test").unwrap())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn trace_context() {
    run(Guarantee::Buffered, |memory| {
        let trace = Trace::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some("a=1")).unwrap();
        Arc::new(TraceContext::new(memory, move || Some(trace.clone())))
    })
    .await;
}

/// The suite reads back one sink, so it runs once for each sink of the fan-out.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_sink_of_a_fan_out() {
    for index in 0..3 {
        run(Guarantee::Buffered, |memory| {
            let mut sinks: Vec<Arc<dyn DriverEventSink>> =
                vec![Arc::new(MemoryEventSink::new()), Arc::new(MemoryEventSink::new())];
            sinks.insert(index, Arc::new(memory));
            Arc::new(FanOut::new(sinks))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn filter_that_selects_everything() {
    run(Guarantee::None, |memory| {
        Arc::new(memory.filtered(EventFilter::everything().matching(|_| true)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn filter_that_selects_nothing() {
    let nothing = EventFilter::everything().matching(|_| false);
    let decorate = move |memory| Arc::new(Filter::new(memory, nothing.clone())) as _;
    let fixture = Decorated::new(discarding(), decorate);
    conformance::run(&fixture).await;
    let memories = fixture.memories.lock().unwrap();
    assert!(!memories.is_empty() && memories.iter().all(MemoryEventSink::is_empty));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_sink_of_combined_decorators() {
    for is_filtered in [true, false] {
        run(Guarantee::None, |memory| {
            let (filtered, plain) = if is_filtered {
                (memory, FailingEventSink::new(MemoryEventSink::new()))
            } else {
                (FailingEventSink::new(MemoryEventSink::new()), memory)
            };
            let filtered = filtered.filtered(EventFilter::everything());
            Arc::new(filtered.fan_out_with(plain).stamped("urn:test").unwrap())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn observed() {
    run(Guarantee::Buffered, |memory| Arc::new(memory.observed())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn timeout() {
    run(Guarantee::Buffered, |memory| {
        Arc::new(memory.with_timeout(Duration::from_secs(60)))
    })
    .await;
}

/// A deadline of zero: the suite sees the failure of the first attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn retry_that_gives_up() {
    let backoff = Backoff::new(Duration::ZERO, Duration::ZERO).with_deadline(Duration::ZERO);
    run(Guarantee::Buffered, move |memory| Arc::new(memory.retried(backoff))).await;
}

/// A batch is sent one event of each goal at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn retry_of_a_sink_without_order() {
    let backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
    run_hiding_failures(Guarantee::Buffered, move |memory| {
        Arc::new(FanOut::new(vec![Arc::new(memory)]).retried(backoff))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn retry_that_succeeds() {
    let backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
    run_hiding_failures(Guarantee::Buffered, move |memory| {
        Arc::new(memory.into_inner().retried(backoff))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn buffered() {
    for (on_full, guarantee) in [
        (OnFull::Wait, Guarantee::Buffered),
        (OnFull::DropNewest, Guarantee::None),
        (OnFull::DropOldest, Guarantee::None),
    ] {
        run_hiding_failures(guarantee, move |memory| {
            Arc::new(Buffered::builder(memory, on_full).build().unwrap())
        })
        .await;
    }
}

/// Each event waits for room.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn buffer_of_one_event() {
    run_hiding_failures(Guarantee::Buffered, |memory| {
        Arc::new(Buffered::builder(memory, OnFull::Wait).max_events(1).build().unwrap())
    })
    .await;
}

/// Every property but those about errors, which become receipts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn best_effort() {
    let mut capabilities = Capabilities::new(Guarantee::None);
    capabilities.rejects_after_close = false;
    let fixture = Decorated::new(capabilities, |memory: Inner| Arc::new(memory.best_effort()) as _);
    conformance::meets_guarantee(&fixture).await;
    conformance::stores_every_kind(&fixture).await;
    conformance::stores_received_bytes(&fixture).await;
    conformance::stores_unknown_kinds(&fixture).await;
    conformance::keeps_attributes(&fixture).await;
    conformance::publish_matches_send(&fixture).await;
    conformance::keeps_order_of_sends(&fixture).await;
    conformance::keeps_order_of_batches(&fixture).await;
    conformance::keeps_order_of_concurrent_tasks(&fixture).await;
    conformance::flushes(&fixture).await;
    conformance::survives_cancelled_sends(&fixture).await;
    conformance::survives_cancelled_batches(&fixture).await;

    let fixture = Decorated::new(discarding(), |_| Arc::new(NoopEventSink.best_effort()) as _);
    conformance::run(&fixture).await;
}

/// The rule hides a field that no sample has, so that all events stay as they are, but for the bytes of received ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redact() {
    run(Guarantee::Buffered, |memory| {
        Arc::new(memory.redacted(Redaction::none()))
    })
    .await;
    let redaction = Redaction::none().mask(None, "goal.metadata.absent").unwrap();
    let fixture = Decorated::new(Capabilities::new(Guarantee::Buffered), move |memory: Inner| {
        Arc::new(memory.redacted(redaction.clone())) as _
    });
    conformance::meets_guarantee(&fixture).await;
    conformance::stores_every_kind(&fixture).await;
    conformance::keeps_attributes(&fixture).await;
    conformance::publish_matches_send(&fixture).await;
    conformance::returns_batch_results_in_order(&fixture).await;
    conformance::rejects_unencodable_events(&fixture).await;
    conformance::rejects_too_large_events(&fixture).await;
    conformance::keeps_order_of_sends(&fixture).await;
    conformance::keeps_order_of_batches(&fixture).await;
    conformance::keeps_order_of_concurrent_tasks(&fixture).await;
    conformance::keeps_order_after_failure(&fixture).await;
    conformance::flushes(&fixture).await;
    conformance::closes(&fixture).await;
    conformance::closes_during_sends(&fixture).await;
    conformance::survives_cancelled_sends(&fixture).await;
    conformance::survives_cancelled_batches(&fixture).await;
    conformance::survives_cancelled_close(&fixture).await;
}

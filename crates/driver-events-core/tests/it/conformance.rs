use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driver_events_core::conformance::{self, Capabilities, Fixture};
use driver_events_core::{
    DriverEventSink, DriverEventSinkExt, Envelope, EventFilter, FailingEventSink, FanOut, Filter, Guarantee,
    MemoryEventSink, NoopEventSink, SinkErrorKind, Trace, TraceContext,
};

/// The sink below the decorators.
type Inner = FailingEventSink<MemoryEventSink>;

/// Fixture of a decorator around a memory sink, of which one event can be made to fail.
struct Decorated<F> {
    decorate: F,
    capabilities: Capabilities,
    memories: Mutex<Vec<MemoryEventSink>>,
}

impl<F> Decorated<F> {
    fn new(capabilities: Capabilities, decorate: F) -> Self {
        Self {
            decorate,
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
        if !self.capabilities.stores {
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

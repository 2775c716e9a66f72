use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::conformance::{self, Capabilities, Fixture};
use driver_events_core::{
    DriverEventSink, DriverEventSinkExt, Envelope, EventFilter, FanOut, Filter, Guarantee, MemoryEventSink,
    NoopEventSink,
};

/// A sink around a memory, or none.
struct Around<F> {
    make: F,
    capabilities: Capabilities,
}

#[async_trait]
impl<F> Fixture for Around<F>
where
    F: Fn(MemoryEventSink) -> Arc<dyn DriverEventSink> + Send + Sync,
{
    type Store = MemoryEventSink;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, MemoryEventSink) {
        let memory = match self.capabilities.capacity {
            Some(capacity) => MemoryEventSink::bounded(capacity),
            None => MemoryEventSink::new(),
        };
        ((self.make)(memory.clone()), memory)
    }

    async fn stored(&self, store: &MemoryEventSink) -> Vec<Envelope> {
        store.envelopes()
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }
}

async fn run(guarantee: Guarantee, make: impl Fn(MemoryEventSink) -> Arc<dyn DriverEventSink> + Send + Sync) {
    conformance::run(&Around {
        make,
        capabilities: Capabilities::new(guarantee),
    })
    .await;
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
    conformance::run(&Around {
        make: |memory| Arc::new(memory) as _,
        capabilities,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dynamic() {
    run(Guarantee::Buffered, |memory| {
        let boxed: Box<dyn DriverEventSink> = Box::new(memory);
        Arc::new(Arc::new(boxed))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn noop() {
    let mut capabilities = Capabilities::new(Guarantee::None);
    capabilities.stores = false;
    capabilities.rejects_invalid = false;
    capabilities.rejects_after_close = false;
    conformance::run(&Around {
        make: |_| Arc::new(NoopEventSink) as _,
        capabilities,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stamped() {
    run(Guarantee::Buffered, |memory| {
        Arc::new(memory.stamped("urn:test").unwrap())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fan_out() {
    run(Guarantee::Buffered, |memory| {
        Arc::new(FanOut::new(vec![Arc::new(memory), Arc::new(MemoryEventSink::new())]))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn filter_of_everything() {
    run(Guarantee::None, |memory| {
        Arc::new(memory.filtered(EventFilter::everything().matching(|_| true)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn filter_of_nothing() {
    let mut capabilities = Capabilities::new(Guarantee::None);
    capabilities.stores = false;
    capabilities.rejects_invalid = false;
    capabilities.rejects_after_close = false;
    let nothing = EventFilter::everything().matching(|_| false);
    let make = move |memory| Arc::new(Filter::new(memory, nothing.clone())) as _;
    conformance::run(&Around { make, capabilities }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_together() {
    run(Guarantee::None, |memory| {
        let filtered = memory.filtered(EventFilter::everything());
        Arc::new(
            filtered
                .fan_out_with(MemoryEventSink::new())
                .stamped("urn:test")
                .unwrap(),
        )
    })
    .await;
}

use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::conformance::{self, Capabilities, Fixture};
use driver_events_core::{BatchOrder, DriverEventSink, Envelope, Guarantee, MemoryEventSink};
use driver_events_spool::Durability;

use crate::support::{Directory, builder};

struct Spool(Durability);

/// The memory behind a spool, and the directory of its file.
struct Store {
    memory: MemoryEventSink,
    _directory: Directory,
}

#[async_trait]
impl Fixture for Spool {
    type Store = Store;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, Store) {
        let directory = Directory::new();
        let memory = MemoryEventSink::new();
        let spool = builder(directory.file())
            .durability(self.0)
            .deliver_to("memory", memory.clone());
        let spool = spool.open().await.unwrap();
        assert_eq!(spool.batch_order(), BatchOrder::BestEffort);
        let store = Store {
            memory,
            _directory: directory,
        };
        (Arc::new(spool), store)
    }

    async fn stored(&self, store: &Store) -> Vec<Envelope> {
        store.memory.envelopes()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Guarantee::Spooled)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn spool() {
    conformance::run(&Spool(Durability::Process)).await;
}

#[tokio::test]
async fn spool_that_survives_a_power_loss_on_one_thread() {
    conformance::run(&Spool(Durability::Power)).await;
}

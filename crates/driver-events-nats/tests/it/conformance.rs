//! The sink holds to what every sink holds to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use driver_events_core::conformance::{self, Capabilities, Fixture};
use driver_events_core::{DriverEventSink, Envelope, Guarantee};
use driver_events_harness::{NatsConfig, NatsServer};
use driver_events_nats::NatsEventSink;
use tokio::sync::Mutex;

use crate::support::{Reader, client, options, server};

/// Core NATS, with a prefix of its own for each sink, so that all can share a server.
struct CoreNats {
    server: NatsServer,
    started: AtomicUsize,
    is_bare: bool,
    owns_connection: bool,
    max_bytes: Option<usize>,
}

impl CoreNats {
    fn new(server: NatsServer) -> Self {
        Self {
            server,
            started: AtomicUsize::new(0),
            is_bare: false,
            owns_connection: true,
            max_bytes: None,
        }
    }
}

struct Store {
    reader: Reader,
    read: Vec<Envelope>,
}

#[async_trait]
impl Fixture for CoreNats {
    type Store = Mutex<Store>;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, Self::Store) {
        let prefix = format!("tenant.{}", self.started.fetch_add(1, Ordering::Relaxed));
        let reader = Reader::start(&self.server, Some(&prefix)).await;
        let mut builder = NatsEventSink::builder().prefix(prefix);
        builder = if self.owns_connection {
            builder.options(options(&self.server))
        } else {
            builder.client(client(&self.server).await)
        };
        if self.is_bare {
            builder = builder.bare();
        }
        let sink = builder.build().await.unwrap();
        let read = Vec::new();
        (Arc::new(sink), Mutex::new(Store { reader, read }))
    }

    async fn stored(&self, store: &Self::Store) -> Vec<Envelope> {
        let mut store = store.lock().await;
        let envelopes = store.reader.read_all().await;
        store.read.extend(envelopes);
        store.read.clone()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new(Guarantee::Buffered);
        capabilities.keeps_attributes = !self.is_bare;
        capabilities.accepts_unknown_without_subject = false;
        capabilities.max_bytes = self.max_bytes;
        capabilities
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_headers() {
    conformance::run(&CoreNats::new(server())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bare() {
    let mut fixture = CoreNats::new(server());
    fixture.is_bare = true;
    conformance::run(&fixture).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_client_of_the_caller() {
    let mut fixture = CoreNats::new(server());
    fixture.owns_connection = false;
    conformance::run(&fixture).await;
}

#[tokio::test]
async fn on_one_thread() {
    conformance::run(&CoreNats::new(server())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_small_max_payload() {
    let server = NatsServer::start(NatsConfig::new().max_payload(100_000)).unwrap();
    let mut fixture = CoreNats::new(server);
    fixture.is_bare = true;
    fixture.max_bytes = Some(100_000);
    conformance::run(&fixture).await;
}

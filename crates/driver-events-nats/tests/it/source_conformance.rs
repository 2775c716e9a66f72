//! The sources pass the suite of sources.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::{Client, jetstream};
use async_trait::async_trait;
use driver_events_core::conformance::sources::{self, SourceCapabilities, SourceFixture};
use driver_events_core::{DriverEventSink, DriverEventSource, Envelope};
use driver_events_harness::NatsServer;
use driver_events_nats::{NatsEventSink, NatsEventSource};

use crate::jetstream_reading::{reader, store};
use crate::jetstream_support::server_with_stream;
use crate::support::{client, options, server};

/// Core NATS, with a prefix for each property, so that all can share a server.
struct CoreNats {
    server: NatsServer,
    started: AtomicUsize,
}

#[async_trait]
impl SourceFixture for CoreNats {
    /// The prefix.
    type Log = String;

    async fn start(&self) -> String {
        format!("tenant.{}", self.started.fetch_add(1, Ordering::Relaxed))
    }

    async fn publish(&self, prefix: &String, envelopes: &[Envelope]) {
        let sink = NatsEventSink::builder().options(options(&self.server)).prefix(prefix);
        let sink = sink.build().await.unwrap();
        for result in sink.send_batch(envelopes.to_vec()).await {
            result.unwrap();
        }
        sink.close().await.unwrap();
    }

    async fn publish_bytes(&self, prefix: &String, bytes: &[u8]) {
        let client = client(&self.server).await;
        let subject = format!("{prefix}.agent.driver.escalate");
        client.publish(subject, bytes.to_vec().into()).await.unwrap();
        client.flush().await.unwrap();
    }

    async fn open(&self, prefix: &String) -> Box<dyn DriverEventSource> {
        let source = NatsEventSource::builder().options(options(&self.server)).prefix(prefix);
        Box::new(source.build().await.unwrap())
    }

    fn capabilities(&self) -> SourceCapabilities {
        let mut capabilities = SourceCapabilities::new();
        capabilities.delivers_earlier = false;
        capabilities.redelivers = false;
        capabilities
    }
}

/// A stream for each property, on a server of its own.
struct JetStream {
    durable: Option<&'static str>,
}

#[async_trait]
impl SourceFixture for JetStream {
    type Log = (NatsServer, Client);

    async fn start(&self) -> Self::Log {
        server_with_stream().await
    }

    async fn publish(&self, (_, client): &Self::Log, envelopes: &[Envelope]) {
        store(client, envelopes).await;
    }

    async fn publish_bytes(&self, (_, client): &Self::Log, bytes: &[u8]) {
        let context = jetstream::new(client.clone());
        let ack = context.publish("agent.driver.escalate", bytes.to_vec().into()).await;
        ack.unwrap().await.unwrap();
    }

    async fn open(&self, (server, _): &Self::Log) -> Box<dyn DriverEventSource> {
        let mut builder = reader(server);
        if let Some(durable) = self.durable {
            // One event in flight: redelivered events keep their order.
            builder = builder
                .durable(durable)
                .ack_wait(Duration::from_secs(1))
                .max_in_flight(1);
        }
        Box::new(builder.build().await.unwrap())
    }

    fn capabilities(&self) -> SourceCapabilities {
        let mut capabilities = SourceCapabilities::new();
        capabilities.redelivers = self.durable.is_some();
        capabilities
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn core_nats() {
    sources::run(&CoreNats {
        server: server(),
        started: AtomicUsize::new(0),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jetstream_standalone() {
    sources::run(&JetStream { durable: None }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jetstream_durable() {
    sources::run(&JetStream { durable: Some("audit") }).await;
}

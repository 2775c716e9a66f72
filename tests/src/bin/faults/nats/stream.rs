//! A stream under test: created by the crate, read back without it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use driver_events_core::{DriverEventSink, Envelope};
use driver_events_harness::{NatsConfig, NatsServer, Proxy};
use driver_events_nats::{JetStreamEventSink, NatsOptions, StreamSettings, ensure_stream};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::event::Event;
use crate::fault_timer::{FaultTimer, STEP_TIMEOUT};
use crate::memory;
use crate::recorder::Recorder;
use crate::row::Row;

pub(super) const STREAM: &str = "FAULTS";
/// Time that a call may take beyond `retry_timeout`.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// A server with the stream, and a proxy in front of it.
pub(super) struct Rig {
    pub(super) server: NatsServer,
    pub(super) proxy: Proxy,
    pub(super) recorder: Arc<Recorder>,
    /// Resident memory at the start.
    memory: u64,
}

impl Rig {
    pub(super) async fn start(settings: &StreamSettings) -> Result<Self> {
        let memory = memory::resident();
        let server = NatsServer::start(NatsConfig::new().jetstream())?;
        let proxy = Proxy::start(server.client_address())?;
        let rig = Self {
            server,
            proxy,
            recorder: Arc::default(),
            memory,
        };
        ensure_stream(&rig.client().await?, settings).await?;
        Ok(rig)
    }

    /// Connects without the proxy.
    pub(super) async fn client(&self) -> Result<Client> {
        Ok(async_nats::connect(self.server.client_url()).await?)
    }

    /// Creates a sink that connects through the proxy.
    pub(super) async fn sink(&self, retry_timeout: Duration) -> Result<JetStreamEventSink> {
        let options = quick(NatsOptions::new(self.proxy.address().to_string()));
        let sink = JetStreamEventSink::builder(STREAM)
            .options(options)
            .retry_timeout(retry_timeout);
        Ok(sink.build().await?)
    }

    /// Reads back the stored events, and checks them.
    pub(super) async fn verify(&self, row: &mut Row, retry_timeout: Duration) -> Result<()> {
        let read = read_back(&self.client().await?).await?;
        row.add_round(&self.recorder, &read, retry_timeout + GRACE, self.memory);
        Ok(())
    }
}

/// Options with a short reconnect delay, to leave more time for faults, and with frequent pings.
pub(super) fn quick(options: NatsOptions) -> NatsOptions {
    options
        .reconnect_delay(Duration::from_millis(1), Duration::from_millis(50))
        .ping_interval(Duration::from_millis(200))
}

pub(super) fn fault_timer(sink: &JetStreamEventSink, recorder: &Arc<Recorder>) -> Result<FaultTimer> {
    let connection = sink.connection().context("the sink has no connection of its own")?;
    Ok(client_fault_timer(connection.client().clone(), recorder))
}

/// A timer that counts the messages sent by a client.
pub(super) fn client_fault_timer(client: Client, recorder: &Arc<Recorder>) -> FaultTimer {
    FaultTimer::new(recorder, move || {
        client.statistics().out_messages.load(Ordering::Relaxed)
    })
}

/// Sends the event once and records the result. Returns whether it is stored; if not, retry with the same envelope.
pub(super) async fn send(
    sink: &JetStreamEventSink,
    recorder: &Recorder,
    event: Event,
    envelope: &Envelope,
) -> Result<bool> {
    let called = Instant::now();
    let result = timeout(STEP_TIMEOUT, sink.send(envelope.clone()))
        .await
        .context("a call did not return")?;
    recorder.record_duration(called.elapsed());
    recorder.record_result(event, &result);
    Ok(result.is_ok())
}

/// Retries until the event is stored.
pub(super) async fn store(
    sink: &JetStreamEventSink,
    recorder: &Recorder,
    event: Event,
    envelope: &Envelope,
) -> Result<()> {
    let start = Instant::now();
    while !send(sink, recorder, event, envelope).await? {
        ensure!(start.elapsed() < STEP_TIMEOUT, "not stored within {STEP_TIMEOUT:?}");
    }
    Ok(())
}

/// Returns all events of the stream, in order.
pub(super) async fn read_back(client: &Client) -> Result<Vec<Event>> {
    let mut stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
    let count = stream.info().await?.state.messages;
    let consumer = stream.create_consumer(OrderedConfig::default()).await?;
    let mut messages = consumer.messages().await?;
    let mut events = Vec::new();
    for _ in 0..count {
        let message = timeout(STEP_TIMEOUT, messages.next())
            .await
            .context("cannot read the stream to its end")?;
        events.push(Event::parse(&message.context("the stream ended early")??.payload)?);
    }
    Ok(events)
}

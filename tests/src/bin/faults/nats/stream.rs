//! A stream that is tried: made by the crate, read back without it.

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
/// What a call may take longer than the time for which the sink tries.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// A server with the stream, and a link to it that can be broken.
pub(super) struct Rig {
    pub(super) server: NatsServer,
    pub(super) proxy: Proxy,
    pub(super) recorder: Arc<Recorder>,
    /// How much memory there was at the begin.
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

    /// Past the proxy.
    pub(super) async fn client(&self) -> Result<Client> {
        Ok(async_nats::connect(self.server.client_url()).await?)
    }

    /// Through the proxy. What is not stored in `retry_timeout` fails.
    pub(super) async fn sink(&self, retry_timeout: Duration) -> Result<JetStreamEventSink> {
        let options = quick(NatsOptions::new(self.proxy.address().to_string()));
        let sink = JetStreamEventSink::builder(STREAM)
            .options(options)
            .retry_timeout(retry_timeout);
        Ok(sink.build().await?)
    }

    /// Reads back what is stored, and compares.
    pub(super) async fn verify(&self, row: &mut Row, retry_timeout: Duration) -> Result<()> {
        let read = read_back(&self.client().await?).await?;
        row.add_round(&self.recorder, &read, retry_timeout + GRACE, self.memory);
        Ok(())
    }
}

/// Connects again without waiting for long, so that there is more time for faults, and finds a dead link soon.
pub(super) fn quick(options: NatsOptions) -> NatsOptions {
    options
        .reconnect_delay(Duration::from_millis(1), Duration::from_millis(50))
        .ping_interval(Duration::from_millis(200))
}

pub(super) fn fault_timer(sink: &JetStreamEventSink, recorder: &Arc<Recorder>) -> Result<FaultTimer> {
    let connection = sink.connection().context("the sink has a connection of its own")?;
    Ok(client_fault_timer(connection.client().clone(), recorder))
}

/// By what a client has sent.
pub(super) fn client_fault_timer(client: Client, recorder: &Arc<Recorder>) -> FaultTimer {
    FaultTimer::new(recorder, move || {
        client.statistics().out_messages.load(Ordering::Relaxed)
    })
}

/// Sends one event and takes note of the answer. Whether it is stored now. One that is not is sent again as the same
/// envelope.
pub(super) async fn send(
    sink: &JetStreamEventSink,
    recorder: &Recorder,
    event: Event,
    envelope: &Envelope,
) -> Result<bool> {
    let called = Instant::now();
    let answer = timeout(STEP_TIMEOUT, sink.send(envelope.clone()))
        .await
        .context("a call did not end")?;
    recorder.record_duration(called.elapsed());
    recorder.record_result(event, &answer);
    Ok(answer.is_ok())
}

/// Sends it until it is stored.
pub(super) async fn store(
    sink: &JetStreamEventSink,
    recorder: &Recorder,
    event: Event,
    envelope: &Envelope,
) -> Result<()> {
    let start = Instant::now();
    while !send(sink, recorder, event, envelope).await? {
        ensure!(start.elapsed() < STEP_TIMEOUT, "sent in vain for {STEP_TIMEOUT:?}");
    }
    Ok(())
}

/// All that the stream has, in its order.
pub(super) async fn read_back(client: &Client) -> Result<Vec<Event>> {
    let mut stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
    let count = stream.info().await?.state.messages;
    let consumer = stream.create_consumer(OrderedConfig::default()).await?;
    let mut messages = consumer.messages().await?;
    let mut events = Vec::new();
    for _ in 0..count {
        let message = timeout(STEP_TIMEOUT, messages.next())
            .await
            .context("the stream is not read to its end")?;
        events.push(Event::parse(&message.context("the stream ended early")??.payload)?);
    }
    Ok(events)
}

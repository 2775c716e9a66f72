//! A stream under test: created by the crate, read back without it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::consumer::pull::OrderedConfig;
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
        let call_limit = retry_timeout + GRACE;
        verify(&self.client().await?, &self.recorder, row, call_limit, self.memory).await
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

/// Reads back the stored events, and checks them and the positions in their receipts.
pub(super) async fn verify(
    client: &Client,
    recorder: &Recorder,
    row: &mut Row,
    call_limit: Duration,
    memory_before: u64,
) -> Result<()> {
    let (events, positions): (Vec<_>, Vec<_>) = read_back(client).await?.into_iter().unzip();
    let offsets = recorder.recorded().offsets.clone();
    let has_another = |(event, position): &(&Event, &u64)| offsets.get(event).is_some_and(|offset| offset != *position);
    let wrong = events.iter().zip(&positions).filter(has_another).count();
    row.check(wrong == 0, || {
        format!("{wrong} receipts have the position of another event")
    });
    row.add_round(recorder, &events, call_limit, memory_before);
    Ok(())
}

/// Returns all events of the stream with their sequence numbers, in order.
async fn read_back(client: &Client) -> Result<Vec<(Event, u64)>> {
    let mut stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
    let count = stream.info().await?.state.messages;
    let consumer = stream.create_consumer(OrderedConfig::default()).await?;
    let mut messages = consumer.messages().await?;
    let mut events = Vec::new();
    for _ in 0..count {
        let message = timeout(STEP_TIMEOUT, messages.next())
            .await
            .context("cannot read the stream to its end")?;
        let message = message.context("the stream ended early")??;
        let info = message.info().map_err(|error| anyhow!("{error}"))?;
        events.push((Event::parse(&message.payload)?, info.stream_sequence));
    }
    Ok(events)
}

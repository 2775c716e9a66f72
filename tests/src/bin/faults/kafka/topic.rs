//! A topic under test: created by the crate, read back with the plain client and with the crate's source.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use driver_events_core::{Delivery, DriverEventSink, DriverEventSource, Envelope, Position, SourceErrorKind};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, TopicSettings, ensure_topic};
use rdkafka::ClientConfig;
use tokio::task::block_in_place;
use tokio::time::timeout;

use super::log::{self, Log};
use crate::event::Event;
use crate::fault_timer::{FaultTimer, STEP_TIMEOUT, retry};
use crate::memory;
use crate::recorder::Recorder;
use crate::row::Row;

/// Time that a call may take beyond its timeout.
const CALL_GRACE: Duration = Duration::from_secs(2);

pub(super) struct Topic {
    pub(super) name: String,
    pub(super) recorder: Arc<Recorder>,
    /// Bypasses the proxy.
    config: ClientConfig,
    /// Resident memory at the start.
    memory: u64,
}

impl Topic {
    /// Creates the topic. `config` bypasses the proxy.
    pub(super) async fn create(
        name: String,
        config: ClientConfig,
        settings: impl Fn(TopicSettings) -> TopicSettings,
    ) -> Result<Self> {
        let memory = memory::resident();
        let settings = settings(TopicSettings::named(&name));
        // A broker that has just restarted is not assigned replicas for a moment.
        retry("topic", async || ensure_topic(&config, &settings).await).await?;
        Ok(Self {
            name,
            recorder: Arc::default(),
            config,
            memory,
        })
    }

    /// Creates a sink with this `message.timeout.ms`.
    pub(super) fn sink(&self, mut config: ClientConfig, message_timeout: Duration) -> Result<Arc<KafkaEventSink>> {
        config.set("message.timeout.ms", message_timeout.as_millis().to_string());
        let sink = KafkaEventSink::builder(config).topic(self.name.as_str()).build()?;
        Ok(Arc::new(sink))
    }

    /// Configuration that bypasses the proxy.
    pub(super) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// A timer that counts the attempts to send.
    pub(super) fn fault_timer(&self) -> FaultTimer {
        let recorder = Arc::clone(&self.recorder);
        FaultTimer::new(&self.recorder, move || recorder.recorded().attempts)
    }

    /// Closes the sink, reads back the stored events, and checks them.
    pub(super) async fn verify(&self, sink: &KafkaEventSink, message_timeout: Duration, row: &mut Row) -> Result<()> {
        // The documented limit of every call.
        let limit = 2 * message_timeout + CALL_GRACE;
        let called = Instant::now();
        timeout(STEP_TIMEOUT, sink.close())
            .await
            .context("close did not return")?
            .context("cannot close the sink")?;
        self.recorder.record_duration(called.elapsed());
        let log = block_in_place(|| log::read(&self.config, &self.name))?;
        let read_by_source = self.read_by_source(&log).await?;
        row.check(read_by_source == log, || {
            "the source does not read what the plain client reads".into()
        });
        let mut partitions = HashMap::new();
        for (partition, events) in log.iter().enumerate() {
            for event in events {
                let first = *partitions.entry(event.goal).or_insert(partition);
                row.check(first == partition, || {
                    format!("goal {} is in two partitions", event.goal)
                });
            }
        }
        row.count_errors("producer_recreations", sink.state().producer_recreations());
        self.recorder.recorded().possible_duplicates = Some(sink.state().possible_duplicates());
        row.add_round(&self.recorder, &log.concat(), limit, self.memory);
        Ok(())
    }

    async fn read_by_source(&self, log: &Log) -> Result<Log> {
        let builder = KafkaEventSource::builder(self.config.clone()).topic(self.name.as_str());
        let mut source = builder.build().await?;
        let mut read: Log = vec![Vec::new(); log.len()];
        let mut left = log.iter().map(Vec::len).sum::<usize>();
        while left > 0 {
            let next = timeout(STEP_TIMEOUT, source.next())
                .await
                .context("the source does not read to the end")?;
            let delivery = match next.context("the source ended early")? {
                Ok(delivery) => delivery,
                // The source reconnects.
                Err(error) if error.kind() == SourceErrorKind::Disconnected => continue,
                Err(error) => return Err(error).context("the source failed"),
            };
            let (partition, _) = partition_and_offset(&delivery)?;
            read.get_mut(partition)
                .context("unknown partition")?
                .push(event(&delivery)?);
            left -= 1;
        }
        source.close().await?;
        Ok(read)
    }
}

/// Partition and offset of the delivery.
pub(super) fn partition_and_offset(delivery: &Delivery) -> Result<(usize, u64)> {
    match delivery.position() {
        Position::Partition { partition, offset, .. } => Ok((usize::try_from(*partition)?, *offset)),
        position => bail!("{position} is not in a partition"),
    }
}

pub(super) fn event(delivery: &Delivery) -> Result<Event> {
    match delivery.envelope() {
        Ok(envelope) => Event::parse(envelope.json().map_err(Clone::clone)?),
        Err(malformed) => bail!("{} is malformed: {malformed}", delivery.position()),
    }
}

/// Sends the event once and records the result. Returns whether it is stored; if not, retry with the same envelope.
pub(super) async fn send(
    sink: &dyn DriverEventSink,
    recorder: &Recorder,
    event: Event,
    envelope: &Envelope,
) -> Result<bool> {
    recorder.record_attempts(1);
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
    sink: &dyn DriverEventSink,
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

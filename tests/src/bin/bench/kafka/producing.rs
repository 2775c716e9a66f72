//! The sink compared with librdkafka's producers. All sides encode, and stop when every event has its delivery report.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use driver_events_core::{DriverEventSink, Envelope};
use driver_events_harness::KafkaBroker;
use driver_events_kafka::KafkaEventSink;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use tokio::runtime::Runtime;

use super::raw::{self, CountingProducer};
use super::{config, with_topic};
use crate::Failure;
use crate::events::{RawEvent, envelopes, events, minted, raw_events};
use crate::report::{Report, Row};
use crate::rounds::{Codec, timed};
use crate::runtimes::many_threads;

const EVENTS: usize = 44 * 2_000;
const WINDOW: usize = 10_000;
const TASKS: usize = 1_000;
/// Unmeasured rounds at the start, until the JVM of the broker has compiled its hot code.
const WARM_UPS: usize = 10;

pub(super) fn run(report: &Report, broker: &KafkaBroker) -> Result<(), Failure> {
    report.ratios(&format!(
        "Kafka: one broker, acks=all, idempotent, lz4, {EVENTS} events, per event; ratio of speeds, more is better"
    ));
    let config = config(broker)?;
    for has_headers in [false, true] {
        with_topic(broker, |topic| {
            Producing::new(&config, topic, has_headers)?.rows(report)
        })?;
    }
    Ok(())
}

struct Producing {
    topic: Arc<str>,
    runtime: Runtime,
    has_headers: bool,
    sink: Arc<KafkaEventSink>,
    counting: CountingProducer,
    futures: FutureProducer,
}

impl Producing {
    fn new(config: &ClientConfig, topic: &str, has_headers: bool) -> Result<Self, Failure> {
        let builder = KafkaEventSink::builder(config.clone()).topic(topic);
        let builder = if has_headers { builder } else { builder.bare() };
        let raw = raw::producer(config.clone());
        Ok(Self {
            topic: topic.into(),
            runtime: many_threads()?,
            has_headers,
            sink: Arc::new(builder.build()?),
            counting: CountingProducer::new(&raw)?,
            futures: raw.create()?,
        })
    }

    fn rows(&self, report: &Report) -> Result<(), Failure> {
        for _ in 0..WARM_UPS {
            self.by_callback(Codec::Ours)?;
        }
        let name = if self.has_headers { "with headers" } else { "bare" };
        let row = |what: &str| Row::speed(format!("{what}, {name}"), EVENTS).with_derive();
        let by_callback = |codec| self.by_callback(codec);
        report.compare(
            row("send_batch, all / BaseProducer").target(0.95),
            || self.batches(EVENTS),
            by_callback,
        )?;
        report.compare(
            row("send_batch, 10,000 each / BaseProducer").target(0.95),
            || self.batches(10_000),
            by_callback,
        )?;
        report.compare(
            row("send, window of 10,000 / BaseProducer").target(0.85),
            || self.window(),
            by_callback,
        )?;
        report.compare(
            row("publish, 1,000 tasks / BaseProducer"),
            || self.tasks(),
            |codec| self.events_by_callback(codec),
        )?;
        report.compare(
            row("publish, 1,000 tasks / FutureProducer").target(1.3),
            || self.tasks(),
            |codec| self.tasks_by_hand(codec),
        )
    }

    fn batches(&self, size: usize) -> Result<Duration, Failure> {
        let mut rest = envelopes(EVENTS)?.into_iter();
        timed(|| {
            self.runtime.block_on(async {
                loop {
                    let batch: Vec<Envelope> = rest.by_ref().take(size).collect();
                    if batch.is_empty() {
                        return Ok(());
                    }
                    for answer in self.sink.send_batch(batch).await {
                        answer?;
                    }
                }
            })
        })
    }

    /// Awaits each receipt in order, with [`WINDOW`] events in flight.
    fn window(&self) -> Result<Duration, Failure> {
        let envelopes = envelopes(EVENTS)?;
        timed(|| {
            self.runtime.block_on(async {
                let mut under_way = VecDeque::with_capacity(WINDOW);
                for envelope in envelopes {
                    if under_way.len() == WINDOW
                        && let Some(first) = under_way.pop_front()
                    {
                        first.await?;
                    }
                    let mut sending = self.sink.send(envelope);
                    // The first poll sends it.
                    match poll_fn(|context| Poll::Ready(sending.as_mut().poll(context))).await {
                        Poll::Ready(answer) => drop(answer?),
                        Poll::Pending => under_way.push_back(sending),
                    }
                }
                for sending in under_way {
                    sending.await?;
                }
                Ok(())
            })
        })
    }

    fn by_callback(&self, codec: Codec) -> Result<Duration, Failure> {
        let events = minted(EVENTS, codec)?.into_iter();
        timed(|| self.counting.store(&self.topic, events, self.has_headers))
    }

    /// Creates id and time, as `publish` does.
    fn events_by_callback(&self, codec: Codec) -> Result<Duration, Failure> {
        let events = raw_events(EVENTS, codec)?.into_iter().map(RawEvent::mint);
        timed(|| self.counting.store(&self.topic, events, self.has_headers))
    }

    fn tasks(&self) -> Result<Duration, Failure> {
        self.in_tasks(events(EVENTS)?, |events| {
            let sink = Arc::clone(&self.sink);
            async move {
                for event in events {
                    sink.publish(event).await?;
                }
                Ok(())
            }
        })
    }

    fn tasks_by_hand(&self, codec: Codec) -> Result<Duration, Failure> {
        self.in_tasks(raw_events(EVENTS, codec)?, |events| {
            let (producer, topic, has_headers) = (self.futures.clone(), Arc::clone(&self.topic), self.has_headers);
            async move {
                for event in events {
                    let event = event.mint();
                    let (key, payload) = (event.goal_id.to_string(), event.json()?);
                    let mut record = FutureRecord::to(&topic).key(&key).payload(&payload);
                    if let Some(time) = event.envelope.time() {
                        record = record.timestamp(time.timestamp_millis());
                    }
                    if has_headers {
                        record = record.headers(raw::headers(&event)?);
                    }
                    producer
                        .send(record, Timeout::Never)
                        .await
                        .map_err(|(error, _)| error)?;
                }
                Ok(())
            }
        })
    }

    /// Publishes from many tasks at once; each awaits one receipt at a time.
    fn in_tasks<T, F>(&self, events: Vec<T>, publish: impl Fn(Vec<T>) -> F) -> Result<Duration, Failure>
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let mut rest = events.into_iter();
        let parts: Vec<Vec<T>> = std::iter::repeat_with(|| rest.by_ref().take(EVENTS.div_ceil(TASKS)).collect())
            .take(TASKS)
            .collect();
        timed(|| {
            self.runtime.block_on(async {
                let tasks: Vec<_> = parts.into_iter().map(|part| tokio::spawn(publish(part))).collect();
                for task in tasks {
                    task.await??;
                }
                Ok(())
            })
        })
    }
}

//! The sink compared with librdkafka's producers. All sides encode, and stop when every event has its delivery report.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use driver_events_core::{DriverEventSink, Envelope};
use driver_events_harness::KafkaBroker;
use driver_events_kafka::KafkaEventSink;
use driver_events_types::DriverEvent;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use tokio::runtime::Runtime;

use super::raw::{self, CountingProducer};
use super::{config, with_topic};
use crate::Failure;
use crate::events::{envelopes, events};
use crate::rounds::{Ratio, compare, print_head, timed};
use crate::runtimes::many_threads;

const EVENTS: usize = 44 * 2_000;
const WINDOW: usize = 10_000;
const TASKS: usize = 1_000;
/// Unmeasured rounds at the start, until the JVM of the broker has compiled its hot code.
const WARM_UPS: usize = 10;

pub(super) fn run(broker: &KafkaBroker) -> Result<(), Failure> {
    println!(
        "Kafka: one broker, acks=all, idempotent, lz4, {EVENTS} events, per event; ratio of speeds, more is better"
    );
    print_head();
    let config = config(broker)?;
    for has_headers in [false, true] {
        with_topic(broker, |topic| Producing::new(&config, topic, has_headers)?.rows())?;
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

    fn rows(&self) -> Result<(), Failure> {
        for _ in 0..WARM_UPS {
            self.by_callback()?;
        }
        let name = if self.has_headers { "with headers" } else { "bare" };
        let row =
            |what: &str, ours: &dyn Fn() -> Result<Duration, Failure>, raw: &dyn Fn() -> Result<Duration, Failure>| {
                compare(&format!("{what}, {name}"), EVENTS, Ratio::Speed, ours, raw)
            };
        row("send_batch, all / BaseProducer", &|| self.batches(EVENTS), &|| {
            self.by_callback()
        })?;
        row(
            "send_batch, 10,000 each / BaseProducer",
            &|| self.batches(10_000),
            &|| self.by_callback(),
        )?;
        row("send, window of 10,000 / BaseProducer", &|| self.window(), &|| {
            self.by_callback()
        })?;
        row("publish, 1,000 tasks / BaseProducer", &|| self.tasks(), &|| {
            self.events_by_callback()
        })?;
        row("publish, 1,000 tasks / FutureProducer", &|| self.tasks(), &|| {
            self.tasks_by_hand()
        })
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

    fn by_callback(&self) -> Result<Duration, Failure> {
        let envelopes = envelopes(EVENTS)?.into_iter();
        timed(|| self.counting.store(&self.topic, envelopes, self.has_headers))
    }

    /// Creates id and time, as `publish` does.
    fn events_by_callback(&self) -> Result<Duration, Failure> {
        let envelopes = events(EVENTS)?.into_iter().map(Envelope::new);
        timed(|| self.counting.store(&self.topic, envelopes, self.has_headers))
    }

    fn tasks(&self) -> Result<Duration, Failure> {
        self.in_tasks(|events| {
            let sink = Arc::clone(&self.sink);
            async move {
                for event in events {
                    sink.publish(event).await?;
                }
                Ok(())
            }
        })
    }

    fn tasks_by_hand(&self) -> Result<Duration, Failure> {
        self.in_tasks(|events| {
            let (producer, topic, has_headers) = (self.futures.clone(), Arc::clone(&self.topic), self.has_headers);
            async move {
                for event in events {
                    let envelope = Envelope::new(event);
                    let event = envelope.event().ok_or("a kind that is not known")?;
                    let (key, payload) = (event.goal_id().to_string(), event.to_json()?);
                    let mut record = FutureRecord::to(&topic).key(&key).payload(&payload);
                    if let Some(time) = envelope.time() {
                        record = record.timestamp(time.timestamp_millis());
                    }
                    if has_headers {
                        record = record.headers(raw::headers(&envelope)?);
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
    fn in_tasks<F>(&self, publish: impl Fn(Vec<DriverEvent>) -> F) -> Result<Duration, Failure>
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let mut rest = events(EVENTS)?.into_iter();
        let parts: Vec<Vec<DriverEvent>> =
            std::iter::repeat_with(|| rest.by_ref().take(EVENTS.div_ceil(TASKS)).collect())
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

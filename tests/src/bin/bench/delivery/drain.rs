//! Delivery of a backlog, compared with `send_batch` from memory.

use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use driver_events_core::{DriverEventSink, Envelope};
use driver_events_harness::{KafkaBroker, KafkaListener, NatsServer};
use driver_events_kafka::KafkaEventSink;
use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};
use driver_events_spool::Durability;
use rdkafka::ClientConfig;
use tokio::runtime::Runtime;

use super::STREAM;
use super::spools::{builder, new_file, send_all, with_dead_target};
use crate::Failure;
use crate::events::of_goals;
use crate::report::{Report, Row};
use crate::rounds::{median, timed};
use crate::runtimes::many_threads;

const EVENTS: u32 = 81_920;
const GOALS: u32 = 1_024;
const EVENTS_OF_ONE_GOAL: u32 = 10_240;

pub(super) fn jetstream(report: &Report, folder: &Path, server: &NatsServer) -> Result<(), Failure> {
    report.ratios(&format!(
        "Backlog into JetStream, {EVENTS} events of {GOALS} goals, per event; ratio of speeds, more is better"
    ));
    let runtime = many_threads()?;
    let client = runtime.block_on(async_nats::connect(server.client_url()))?;
    runtime.block_on(ensure_stream(&client, &StreamSettings::new(STREAM)))?;
    let open = || async {
        jetstream::new(client.clone()).get_stream(STREAM).await?.purge().await?;
        Ok(JetStreamEventSink::new(client.clone(), STREAM).await?)
    };
    report.compare(
        Row::speed("drain into JetStream / send_batch", EVENTS as usize).target(0.8),
        || drain(&runtime, folder, of_goals(GOALS, EVENTS), runtime.block_on(open())?),
        |_| from_memory(&runtime, of_goals(GOALS, EVENTS), &runtime.block_on(open())?),
    )?;
    one_goal(report, &runtime, folder, "JetStream", || runtime.block_on(open()))
}

pub(super) fn kafka(report: &Report, folder: &Path, broker: &KafkaBroker) -> Result<(), Failure> {
    report.ratios(&format!(
        "Backlog into Kafka, {EVENTS} events of {GOALS} goals, per event; ratio of speeds, more is better"
    ));
    let runtime = many_threads()?;
    broker.admin().create_topic("drain", 4, 1, &[])?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap_servers(KafkaListener::Plain)?);
    let open = || {
        let _entered = runtime.enter();
        Ok::<_, Failure>(KafkaEventSink::builder(config.clone()).topic("drain").build()?)
    };
    report.compare(
        Row::speed("drain into Kafka / send_batch", EVENTS as usize).target(0.8),
        || drain(&runtime, folder, of_goals(GOALS, EVENTS), open()?),
        |_| from_memory(&runtime, of_goals(GOALS, EVENTS), &open()?),
    )?;
    one_goal(report, &runtime, folder, "Kafka", open)
}

fn one_goal<S: DriverEventSink>(
    report: &Report,
    runtime: &Runtime,
    folder: &Path,
    name: &str,
    open: impl Fn() -> Result<S, Failure>,
) -> Result<(), Failure> {
    let mut rates = Vec::new();
    for _ in 0..3 {
        let time = drain(runtime, folder, of_goals(1, EVENTS_OF_ONE_GOAL), open()?)?;
        rates.push(f64::from(EVENTS_OF_ONE_GOAL) / time.as_secs_f64());
    }
    let rate = median(rates);
    report.figures(&format!("One goal alone into {name}, {EVENTS_OF_ONE_GOAL} events"));
    report.figure(
        "drain",
        &format!("{rate:.0} events/s"),
        Some(("≥ 5,000/s", rate >= 5_000.0)),
    );
    Ok(())
}

/// Spools the events while the target is down, and returns the time from opening the file to the last ack.
fn drain(
    runtime: &Runtime,
    folder: &Path,
    envelopes: Vec<Envelope>,
    sink: impl DriverEventSink,
) -> Result<Duration, Failure> {
    let path = new_file(folder);
    let time = runtime.block_on(async {
        warm_up(&sink).await?;
        let spool = with_dead_target(&path, Durability::Process).await?;
        send_all(&spool, envelopes).await?;
        // They stay in the file.
        let _ = spool.close().await;
        let start = Instant::now();
        let spool = builder(&path, Durability::Process)
            .deliver_to("target", sink)
            .open()
            .await?;
        spool.flush().await?;
        let time = start.elapsed();
        spool.close().await?;
        Ok::<_, Failure>(time)
    })?;
    std::fs::remove_file(&path)?;
    Ok(time)
}

fn from_memory(runtime: &Runtime, envelopes: Vec<Envelope>, sink: &dyn DriverEventSink) -> Result<Duration, Failure> {
    runtime.block_on(warm_up(sink))?;
    let time = timed(|| runtime.block_on(send_all(sink, envelopes)))?;
    runtime.block_on(sink.close())?;
    Ok(time)
}

/// Connects: the first event waits for the metadata of its topic.
async fn warm_up(sink: &dyn DriverEventSink) -> Result<(), Failure> {
    send_all(sink, of_goals(1, 1)).await
}

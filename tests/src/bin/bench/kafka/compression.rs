//! Compression ratio and cost of librdkafka's codecs on the realistic run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use driver_events_core::{DriverEventSink, Envelope};
use driver_events_harness::KafkaBroker;
use driver_events_kafka::KafkaEventSink;
use tokio::runtime::Runtime;

use super::{PARTITIONS, config, with_topic};
use crate::Failure;
use crate::events::envelopes;
use crate::rounds::{ROUNDS, median, timed};
use crate::runtimes::many_threads;

const EVENTS: usize = 44 * 250;
/// Events queued together are compressed together. The large batch repeats the same run, which flatters every codec; the
/// small one is the run once.
const BATCHES: [usize; 2] = [EVENTS, 44];
/// Codecs that librdkafka has built in.
const CODECS: [&str; 3] = ["none", "lz4", "snappy"];

pub(super) fn run(broker: &KafkaBroker) -> Result<(), Failure> {
    println!("\nCompression: {EVENTS} events with headers by send_batch; bytes per event in the broker's log");
    println!("{:<12} {:>10} {:>12} {:>12}", "codec", "batch", "time", "bytes");
    let runtime = many_threads()?;
    for batch in BATCHES {
        for codec in CODECS {
            let (time, bytes) = with_topic(broker, |topic| measure(broker, &runtime, topic, codec, batch))?;
            println!("{codec:<12} {batch:>10} {time:>9.0} ns {bytes:>12.0}");
        }
    }
    Ok(())
}

/// Median time and size per event.
fn measure(
    broker: &KafkaBroker,
    runtime: &Runtime,
    topic: &str,
    codec: &str,
    batch: usize,
) -> Result<(f64, f64), Failure> {
    let mut config = config(broker)?;
    config.set("compression.type", codec);
    let sink = KafkaEventSink::builder(config).topic(topic).build()?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let time = send(runtime, &sink, batch)?;
        times.push(time.as_secs_f64() * 1e9 / EVENTS as f64);
    }
    let bytes = log_size(&broker.folder().join("data"), topic)? as f64 / (EVENTS * ROUNDS) as f64;
    Ok((median(times), bytes))
}

fn send(runtime: &Runtime, sink: &KafkaEventSink, batch: usize) -> Result<Duration, Failure> {
    let mut rest = envelopes(EVENTS)?.into_iter();
    timed(|| {
        runtime.block_on(async {
            loop {
                let batch: Vec<Envelope> = rest.by_ref().take(batch).collect();
                if batch.is_empty() {
                    return Ok(());
                }
                for answer in sink.send_batch(batch).await {
                    answer?;
                }
            }
        })
    })
}

/// Bytes of the topic's records.
fn log_size(data: &Path, topic: &str) -> Result<u64, Failure> {
    let mut size = 0;
    for partition in 0..PARTITIONS {
        for file in fs::read_dir(data.join(format!("{topic}-{partition}")))? {
            let file = file?;
            if file.path().extension().is_some_and(|extension| extension == "log") {
                size += file.metadata()?.len();
            }
        }
    }
    Ok(size)
}

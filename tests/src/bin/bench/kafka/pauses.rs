//! CPU time of a process that sends batches with pauses: what the sink's poll thread does between them.

use std::process;
use std::time::Duration;

use driver_events_core::DriverEventSink;
use driver_events_harness::KafkaBroker;
use driver_events_kafka::KafkaEventSink;

use super::{config, with_topic};
use crate::events::envelopes;
use crate::report::Report;
use crate::runtimes::many_threads;
use crate::{Failure, cpu_time};

const BATCH: usize = 1_000;
const BATCHES: usize = 40;
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(500)];

pub(super) fn run(report: &Report, broker: &KafkaBroker) -> Result<(), Failure> {
    report.figures("Pauses: CPU time of this process for an event of the realistic run");
    let runtime = many_threads()?;
    with_topic(broker, |topic| {
        let sink = KafkaEventSink::builder(config(broker)?).topic(topic).build()?;
        for pause in PAUSES {
            let batches: Vec<_> = (0..BATCHES).map(|_| envelopes(BATCH)).collect::<Result<_, _>>()?;
            let before = cpu_time::of_process(process::id())?;
            runtime.block_on(async {
                for batch in batches {
                    for result in sink.send_batch(batch).await {
                        result?;
                    }
                    tokio::time::sleep(pause).await;
                }
                Ok::<(), Failure>(())
            })?;
            let time = cpu_time::of_process(process::id())?.saturating_sub(before);
            let micros = time.as_secs_f64() * 1e6 / (BATCH * BATCHES) as f64;
            report.figure(
                &format!("batches of {BATCH}, pauses of {} ms", pause.as_millis()),
                &format!("{micros:.1} µs"),
                None,
            );
        }
        Ok(())
    })
}

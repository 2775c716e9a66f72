//! The sinks of a fan-out, which share the JSON of an envelope.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use driver_events_core::{DriverEventSink, FanOut};
use driver_events_stdout::WriterEventSink;

use super::join;
use crate::Failure;
use crate::events::envelopes;
use crate::report::Report;
use crate::rounds::{ROUNDS, median};
use crate::runtimes::one_thread;

const EVENTS: usize = 44 * 500;

pub(super) fn run(report: &Report) -> Result<(), Failure> {
    report.figures("Fan-out: time of an event");
    let runtime = one_thread()?;
    let writer = || -> Arc<dyn DriverEventSink> { Arc::new(WriterEventSink::new(io::sink())) };
    let measure = |sink: &dyn DriverEventSink| {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let envelopes = envelopes(EVENTS)?;
            let start = Instant::now();
            runtime.block_on(async {
                for envelope in envelopes {
                    sink.send(envelope).await?;
                }
                sink.flush().await
            })?;
            rounds.push(start.elapsed().as_secs_f64() * 1e9 / EVENTS as f64);
        }
        Ok::<_, Failure>(median(rounds))
    };
    report.figure("one writer without fan-out", &join(&[measure(&*writer())?]), None);
    let mut times = Vec::new();
    for sinks in [1, 2, 4] {
        times.push(measure(&FanOut::new((0..sinks).map(|_| writer()).collect()))?);
    }
    report.figure("fan-out to 1 / 2 / 4 writers", &join(&times), None);
    Ok(())
}

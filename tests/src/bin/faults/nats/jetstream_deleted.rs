//! A stream that is deleted under load.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_nats::jetstream;
use driver_events_core::{DriverEventSink, SinkError, SinkErrorKind};
use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};
use tokio::time::timeout;

use super::stream::{Rig, STREAM};
use crate::event::Event;
use crate::fault_timer::{STEP_TIMEOUT, wait_until};
use crate::recorder::Recorder;
use crate::row::{Fault, Row};

const RETRY_TIMEOUT: Duration = Duration::from_secs(5);

/// A stream is deleted under load. Its events are deleted on purpose and not counted as lost; later events fail in time.
pub(super) async fn run(row: &mut Row) -> Result<()> {
    let rig = Rig::start(&StreamSettings::new(STREAM)).await?;
    let streams = jetstream::new(rig.client().await?);
    for goals in [1, 256] {
        let sink = rig.sink(RETRY_TIMEOUT).await?;
        let sending = async {
            for number in 0.. {
                let events: Vec<_> = (0..goals).map(|goal| Event { goal, number }).collect();
                let refusals = send(&sink, &rig.recorder, &events).await?;
                for error in &refusals {
                    row.check(error.kind() == SinkErrorKind::Disconnected, || {
                        format!("a deleted stream returns {:?}: {error}", error.kind())
                    });
                }
                if !refusals.is_empty() {
                    break;
                }
            }
            anyhow::Ok(())
        };
        let deleting = async {
            let stored = rig.recorder.acknowledged();
            wait_until("events are stored", || rig.recorder.acknowledged() > stored + 1_000).await?;
            streams.delete_stream(STREAM).await?;
            anyhow::Ok(())
        };
        tokio::try_join!(sending, deleting)?;
        row.count_fault(Fault::Other);
        rig.recorder.recorded().forget_stored();
        sink.close().await?;
        ensure_stream(&rig.client().await?, &StreamSettings::new(STREAM)).await?;
    }
    let sink = rig.sink(RETRY_TIMEOUT).await?;
    let events: Vec<_> = (0..20).map(|number| Event { goal: 256, number }).collect();
    let refusals = send(&sink, &rig.recorder, &events).await?;
    row.check(refusals.is_empty(), || {
        format!("a re-created stream accepts no events: {refusals:?}")
    });
    sink.close().await?;
    rig.verify(row, RETRY_TIMEOUT).await
}

/// Sends a batch, records the results, and returns the errors.
async fn send(sink: &JetStreamEventSink, recorder: &Recorder, events: &[Event]) -> Result<Vec<SinkError>> {
    let called = Instant::now();
    let batch = sink.send_batch(events.iter().map(|event| event.envelope()).collect());
    let results = timeout(STEP_TIMEOUT, batch).await.context("a call did not return")?;
    recorder.record_duration(called.elapsed());
    ensure!(
        results.len() == events.len(),
        "a batch has {} results for {}",
        results.len(),
        events.len()
    );
    for (event, result) in events.iter().zip(&results) {
        recorder.record_result(*event, result);
    }
    Ok(results.into_iter().filter_map(Result::err).collect())
}

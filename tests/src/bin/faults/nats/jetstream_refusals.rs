//! Streams that take no more events.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_nats::jetstream;
use driver_events_core::{DriverEventSink, Fate, SinkErrorKind};
use driver_events_nats::{StreamSettings, ensure_stream};
use tokio::time::timeout;

use super::stream::{Rig, STREAM};
use crate::event::Event;
use crate::pace::PATIENCE;
use crate::row::{Fault, Row};

const RETRY_TIMEOUT: Duration = Duration::from_secs(5);

/// A full stream refuses what comes and keeps what it has.
pub(super) async fn full(row: &mut Row) -> Result<()> {
    let rig = Rig::start(&StreamSettings::new(STREAM).max_bytes(1 << 20)).await?;
    let sink = rig.sink(RETRY_TIMEOUT).await?;
    let mut full = 0;
    // Many goals, then one goal in atomic batches.
    for (first_goal, goals) in [(0, 256), (256, 1)] {
        for number in 0..10 {
            let events: Vec<_> = match goals {
                1 => (number * 256..(number + 1) * 256)
                    .map(|number| Event {
                        goal: first_goal,
                        number,
                    })
                    .collect(),
                goals => (first_goal..first_goal + goals)
                    .map(|goal| Event { goal, number })
                    .collect(),
            };
            let called = Instant::now();
            let batch = sink.send_batch(events.iter().map(|event| event.envelope()).collect());
            let answers = timeout(PATIENCE, batch).await.context("a call did not end")?;
            rig.account.took(called.elapsed());
            for (event, answer) in events.into_iter().zip(answers) {
                rig.account.answered(event, &answer);
                if let Err(error) = answer {
                    ensure!(
                        (error.kind(), error.fate()) == (SinkErrorKind::Full, Fate::NotSent),
                        "a full stream answers {:?}: {error}",
                        error.kind()
                    );
                    full += 1;
                }
            }
        }
    }
    row.did(Fault::Other);
    row.expect(full > 0, || "the stream was never full".into());
    sink.close().await?;
    rig.settle(row, RETRY_TIMEOUT).await
}

/// What was stored goes with the stream, and is not counted as lost. What comes afterwards is refused, and told soon.
pub(super) async fn deleted(row: &mut Row) -> Result<()> {
    let rig = Rig::start(&StreamSettings::new(STREAM)).await?;
    let client = rig.client().await?;
    let mut number = 0;
    for _ in 0..2 {
        let sink = rig.sink(RETRY_TIMEOUT).await?;
        for is_there in [true, false] {
            if !is_there {
                jetstream::new(client.clone()).delete_stream(STREAM).await?;
                row.did(Fault::Other);
                // With the stream goes what is noted of it.
                rig.account.entries().forget_events();
            }
            for _ in 0..20 {
                let event = Event { goal: 0, number };
                number += 1;
                let called = Instant::now();
                let answer = timeout(PATIENCE, sink.send(event.envelope()))
                    .await
                    .context("a call did not end")?;
                rig.account.took(called.elapsed());
                rig.account.answered(event, &answer);
                let is_as_told = match answer {
                    Ok(_) => is_there,
                    Err(error) => !is_there && error.kind() == SinkErrorKind::Fatal,
                };
                row.expect(is_as_told, || {
                    format!("a stream that is there ({is_there}) answers otherwise")
                });
            }
        }
        sink.close().await?;
        ensure_stream(&client, &StreamSettings::new(STREAM)).await?;
    }
    let sink = rig.sink(RETRY_TIMEOUT).await?;
    for number in number..number + 20 {
        let event = Event { goal: 0, number };
        rig.account.answered(event, &sink.send(event.envelope()).await);
    }
    sink.close().await?;
    rig.settle(row, RETRY_TIMEOUT).await
}

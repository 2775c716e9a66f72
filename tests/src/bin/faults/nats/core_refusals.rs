//! Core NATS where the server, or a reader, does not take an event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use async_nats::ConnectOptions;
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind, SourceErrorKind};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser};
use driver_events_nats::{NatsEventSink, NatsEventSource, NatsOptions};
use tokio::time::timeout;

use super::core_links::{flush, send};
use super::stream::quick;
use super::witness::Witness;
use crate::event::Event;
use crate::fault_timer::STEP_TIMEOUT;
use crate::memory;
use crate::recorder::Recorder;
use crate::row::{Fault, Row};

const LIMIT: Duration = Duration::from_secs(11);

/// What is too large is refused by itself, and what stands around it arrives.
pub(super) async fn too_large(row: &mut Row) -> Result<()> {
    let memory = memory::resident();
    let server = NatsServer::start(NatsConfig::new().max_payload(64 << 10))?;
    let recorder = Arc::<Recorder>::default();
    let sink = NatsEventSink::builder()
        .options(NatsOptions::new(server.client_url()))
        .build()
        .await?;
    let mut witness = Witness::start(&server).await?;
    let events: Vec<_> = (0..100).map(|number| Event { goal: 0, number }).collect();
    for event in &events {
        send(&sink, &recorder, *event).await?.ok();
        let answer = sink.send(samples::sized(samples::goal(1), 100_000)).await;
        row.count_fault(Fault::Other);
        let is_told = answer.is_err_and(|error| error.kind() == SinkErrorKind::TooLarge);
        row.check(is_told, || "an event over the limit is not told to be too large".into());
    }
    flush(&sink, &recorder, &events).await?.ok();
    sink.close().await?;
    row.add_round(&recorder, &witness.read().await?, LIMIT, memory);
    Ok(())
}

/// A user who may not publish any more is told so, at the latest by a flush; what was flushed before has arrived.
pub(super) async fn revoked(row: &mut Row) -> Result<()> {
    let memory = memory::resident();
    let ada = || NatsUser::with_password("ada", "secret");
    let config = |ada: NatsUser| {
        NatsConfig::new()
            .user(ada)
            .user(NatsUser::with_password("witness", "secret"))
    };
    let mut server = NatsServer::start(config(ada()))?;
    let recorder = Arc::<Recorder>::default();
    let options = quick(NatsOptions::new(server.client_url())).user_and_password("ada", "secret");
    let sink = NatsEventSink::builder().options(options).build().await?;
    let as_witness = ConnectOptions::with_user_and_password("witness".into(), "secret".into());
    let mut witness = Witness::start_with(&server, as_witness).await?;
    let before: Vec<_> = (0..500).map(|number| Event { goal: 0, number }).collect();
    for event in &before {
        send(&sink, &recorder, *event).await?.ok();
    }
    flush(&sink, &recorder, &before).await?.ok();
    server.reload(config(ada().may_not_publish(&["agent.driver.>"])))?;
    row.count_fault(Fault::Other);
    let mut is_told = false;
    for number in 500..600 {
        let answer = send(&sink, &recorder, Event { goal: 0, number }).await?;
        is_told |= answer.is_err_and(|error| error.kind() == SinkErrorKind::Unauthorized);
    }
    // The client tells of refusals by another way than of answers, which may be a moment later.
    let start = Instant::now();
    while !is_told && start.elapsed() < STEP_TIMEOUT {
        let answer = flush(&sink, &recorder, &[]).await?;
        is_told = answer.is_err_and(|error| error.kind() == SinkErrorKind::Unauthorized);
    }
    row.check(is_told, || "a permission that was revoked is not told".into());
    row.add_round(&recorder, &witness.read().await?, LIMIT, memory);
    Ok(())
}

/// A reader who is too slow is told how many events it missed: all of them.
pub(super) async fn slow_consumer(row: &mut Row) -> Result<()> {
    const EVENTS: u32 = 20_000;
    let memory = memory::resident();
    let server = NatsServer::start(NatsConfig::new())?;
    let recorder = Arc::<Recorder>::default();
    let sink = NatsEventSink::builder()
        .options(NatsOptions::new(server.client_url()))
        .build()
        .await?;
    let mut witness = Witness::start(&server).await?;
    let options = NatsOptions::new(server.client_url());
    let mut source = NatsEventSource::builder()
        .options(options)
        .capacity(100, 1 << 20)
        .build()
        .await?;
    let events: Vec<_> = (0..EVENTS)
        .map(|number| Event {
            goal: number % 7,
            number,
        })
        .collect();
    for event in &events {
        send(&sink, &recorder, *event).await?.ok();
    }
    flush(&sink, &recorder, &events).await?.ok();
    row.count_fault(Fault::Other);
    let mut read = 0;
    while read + source.dropped() < u64::from(EVENTS) {
        let next = timeout(STEP_TIMEOUT, source.next())
            .await
            .context("the reader is not told of all that it missed")?;
        match next.context("the reader came to an end")? {
            Ok(_) => read += 1,
            Err(error) => row.check(error.kind() == SourceErrorKind::Lagged, || error.to_string()),
        }
    }
    row.count_errors("missed by the reader", source.dropped());
    row.check(source.dropped() > 0, || "the reader was not too slow".into());
    row.check(read + source.dropped() == u64::from(EVENTS), || {
        format!("{read} read and {} told as missed, of {EVENTS}", source.dropped())
    });
    sink.close().await?;
    row.add_round(&recorder, &witness.read().await?, LIMIT, memory);
    Ok(())
}

//! Core NATS with events that the server rejects, or that a slow reader misses.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::ConnectOptions;
use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind, SourceErrorKind};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser};
use driver_events_nats::{NatsEventSink, NatsEventSource, NatsOptions};
use tokio::time::timeout;

use super::core_links::{flush, send};
use super::reference_subscriber::ReferenceSubscriber;
use super::stream::quick;
use crate::event::Event;
use crate::fault_timer::STEP_TIMEOUT;
use crate::memory;
use crate::recorder::Recorder;
use crate::row::{Fault, Row};

const LIMIT: Duration = Duration::from_secs(11);

/// After a permission is revoked, `send` or at the latest `flush` returns `Unauthorized`; flushed events have arrived.
pub(super) async fn revoked(row: &mut Row) -> Result<()> {
    let memory = memory::resident();
    let ada = || NatsUser::with_password("ada", "secret");
    let config = |ada: NatsUser| {
        NatsConfig::new()
            .user(ada)
            .user(NatsUser::with_password("subscriber", "secret"))
    };
    let mut server = NatsServer::start(config(ada()))?;
    let recorder = Arc::<Recorder>::default();
    let options = quick(NatsOptions::new(server.client_url())).user_and_password("ada", "secret");
    let sink = NatsEventSink::builder().options(options).build().await?;
    let as_subscriber = ConnectOptions::with_user_and_password("subscriber".into(), "secret".into());
    let mut subscriber = ReferenceSubscriber::start_with(&server, as_subscriber).await?;
    let before: Vec<_> = (0..500).map(|number| Event { goal: 0, number }).collect();
    for event in &before {
        send(&sink, &recorder, *event).await?.ok();
    }
    flush(&sink, &recorder, &before).await?.ok();
    server.reload(config(ada().may_not_publish(&["agent.driver.>"])))?;
    row.count_fault(Fault::Other);
    let mut is_reported = false;
    // Few enough for the event queue of the client, so that the flush reports every rejected event.
    let after: Vec<_> = (500..600).map(|number| Event { goal: 0, number }).collect();
    for event in &after {
        let result = send(&sink, &recorder, *event).await?;
        is_reported |= result.is_err_and(|error| error.kind() == SinkErrorKind::Unauthorized);
    }
    let result = flush(&sink, &recorder, &after).await?;
    is_reported |= result.is_err_and(|error| error.kind() == SinkErrorKind::Unauthorized);
    row.check(is_reported, || "a revoked permission is not reported".into());
    row.add_round(&recorder, &subscriber.read().await?, LIMIT, memory);
    Ok(())
}

/// A slow reader learns the exact number of events that it missed.
pub(super) async fn slow_consumer(row: &mut Row) -> Result<()> {
    const EVENTS: u32 = 20_000;
    let memory = memory::resident();
    let server = NatsServer::start(NatsConfig::new())?;
    let recorder = Arc::<Recorder>::default();
    let sink = NatsEventSink::builder()
        .options(NatsOptions::new(server.client_url()))
        .build()
        .await?;
    let mut subscriber = ReferenceSubscriber::start(&server).await?;
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
            .context("the reader does not learn of all missed events")?;
        match next.context("the source ended")? {
            Ok(_) => read += 1,
            Err(error) => row.check(error.kind() == SourceErrorKind::Lagged, || error.to_string()),
        }
    }
    row.count_errors("missed by the reader", source.dropped());
    row.check(source.dropped() > 0, || "the reader was not too slow".into());
    row.check(read + source.dropped() == u64::from(EVENTS), || {
        format!("{read} read and {} reported as missed, of {EVENTS}", source.dropped())
    });
    sink.close().await?;
    row.add_round(&recorder, &subscriber.read().await?, LIMIT, memory);
    Ok(())
}

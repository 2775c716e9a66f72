//! JetStream: batches compared with one ack at a time, and with a hand-written window.

use std::time::Duration;

use async_nats::{Client, jetstream};
use driver_events_core::DriverEventSink;
use driver_events_harness::NatsServer;
use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Runtime;

use super::raw;
use crate::Failure;
use crate::events::{Minted, minted_of_goals, of_goals};
use crate::report::{Report, Row};
use crate::rounds::{Codec, timed};
use crate::runtimes::many_threads;

const STREAM: &str = "BENCH";
const EVENTS: u32 = 10_240;
/// Fewer events, since waiting for one ack at a time is slow.
const EVENTS_ONE_BY_ONE: u32 = 1_024;
const WINDOW: usize = 1_024;

pub(super) fn run(report: &Report, server: &NatsServer) -> Result<(), Failure> {
    report.ratios(&format!(
        "JetStream: one server, files, {EVENTS} events, per event; ratio of speeds, more is better"
    ));
    let runtime = many_threads()?;
    let client = runtime.block_on(async_nats::connect(server.client_url()))?;
    let sink = runtime.block_on(async {
        ensure_stream(&client, &StreamSettings::new(STREAM)).await?;
        JetStreamEventSink::new(client.clone(), STREAM).await
    })?;
    let batch = |goals: u32| batch(&runtime, &client, &sink, goals);
    report.compare(
        Row::speed("send_batch, 1024 goals / ack-each", EVENTS as usize),
        || batch(1_024),
        |_| one_by_one(&runtime, &client, &sink),
    )?;
    report.compare(
        Row::speed("send_batch, 1024 goals / window by hand", EVENTS as usize)
            .target(0.95)
            .with_derive(),
        || batch(1_024),
        |codec| window_by_hand(&runtime, &client, codec),
    )?;
    report.compare(
        Row::speed("send_batch, one goal / ack-each", EVENTS as usize),
        || batch(1),
        |_| one_by_one(&runtime, &client, &sink),
    )?;
    report.compare(
        Row::speed("send_batch, one goal / 1024 goals", EVENTS as usize).target(0.6),
        || batch(1),
        |_| batch(1_024),
    )
}

async fn empty(client: &Client) -> Result<(), Failure> {
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
    stream.purge().await?;
    Ok(())
}

fn batch(runtime: &Runtime, client: &Client, sink: &JetStreamEventSink, goals: u32) -> Result<Duration, Failure> {
    runtime.block_on(empty(client))?;
    let envelopes = of_goals(goals, EVENTS);
    timed(|| {
        runtime.block_on(async {
            for answer in sink.send_batch(envelopes).await {
                answer?;
            }
            Ok(())
        })
    })
}

/// Scaled to the number of events of the other rows.
fn one_by_one(runtime: &Runtime, client: &Client, sink: &JetStreamEventSink) -> Result<Duration, Failure> {
    runtime.block_on(empty(client))?;
    let envelopes = of_goals(1_024, EVENTS_ONE_BY_ONE);
    let time = timed(|| {
        runtime.block_on(async {
            for envelope in envelopes {
                sink.send(envelope).await?;
            }
            Ok(())
        })
    })?;
    Ok(time * (EVENTS / EVENTS_ONE_BY_ONE))
}

fn window_by_hand(runtime: &Runtime, client: &Client, codec: Codec) -> Result<Duration, Failure> {
    runtime.block_on(empty(client))?;
    let events = minted_of_goals(1_024, EVENTS, codec)?;
    let context = {
        // Created here, since the client's context spawns a task.
        let _entered = runtime.enter();
        jetstream::new(client.clone())
    };
    let store = |event: Minted| {
        let context = context.clone();
        async move {
            let payload = event.json()?.into();
            let published = context
                .publish_with_headers(event.subject, raw::headers(&event)?, payload)
                .await?;
            published.await?;
            Ok::<_, Failure>(())
        }
    };
    timed(|| {
        runtime.block_on(async {
            let mut stored = stream::iter(events).map(store).buffer_unordered(WINDOW);
            while stored.try_next().await?.is_some() {}
            Ok(())
        })
    })
}

//! The sources compared with the client's subscription and consumer, which also decode events and attributes.

use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::{Client, Message, jetstream};
use driver_events_core::DriverEventSource;
use driver_events_harness::NatsServer;
use driver_events_nats::{JetStreamEventSource, NatsEventSource, StreamSettings, ensure_stream};
use futures_util::StreamExt;
use tokio::runtime::Runtime;

use super::raw;
use crate::Failure;
use crate::events::{decode, minted};
use crate::report::{Report, Row};
use crate::rounds::{Codec, timed};
use crate::runtimes::many_threads;

const STREAM: &str = "BENCH";
const EVENTS: usize = 44 * 250;

pub(super) fn run(report: &Report, server: &NatsServer) -> Result<(), Failure> {
    report.ratios(&format!(
        "Reading from NATS: {EVENTS} events, per event; ratio of speeds, more is better"
    ));
    let runtime = many_threads()?;
    let client = runtime.block_on(async_nats::connect(server.client_url()))?;
    for (has_headers, name) in [(false, "bare"), (true, "with headers")] {
        report.compare(
            Row::speed(format!("source, {name} / subscription"), EVENTS)
                .target(0.95)
                .with_derive(),
            || subscribed(&runtime, &client, has_headers),
            |codec| subscribed_by_hand(&runtime, &client, has_headers, codec),
        )?;
    }
    for (has_headers, name) in [(false, "bare"), (true, "with headers")] {
        runtime.block_on(fill(&client, has_headers))?;
        report.compare(
            Row::speed(format!("JetStream source, {name} / pull consumer"), EVENTS)
                .target(0.95)
                .with_derive(),
            || stored(&runtime, &client),
            |codec| stored_by_hand(&runtime, &client, codec),
        )?;
    }
    Ok(())
}

async fn publish_all(client: Client, has_headers: bool) -> Result<(), Failure> {
    for event in minted(EVENTS, Codec::Ours)? {
        raw::publish(&client, &event, has_headers).await?;
    }
    Ok(())
}

fn read(message: &Message, codec: Codec) -> Result<(), Failure> {
    std::hint::black_box(raw::attributes(message.headers.as_ref())?);
    decode(&message.payload, codec)
}

fn subscribed(runtime: &Runtime, client: &Client, has_headers: bool) -> Result<Duration, Failure> {
    let mut source = runtime.block_on(NatsEventSource::new(client.clone()))?;
    timed(|| {
        runtime.block_on(async {
            let publishing = tokio::spawn(publish_all(client.clone(), has_headers));
            for _ in 0..EVENTS {
                let delivery = source.next().await.ok_or("the source ended")??;
                delivery.envelope().map_err(Clone::clone)?;
            }
            publishing.await??;
            Ok(())
        })
    })
}

fn subscribed_by_hand(
    runtime: &Runtime,
    client: &Client,
    has_headers: bool,
    codec: Codec,
) -> Result<Duration, Failure> {
    let mut subscriber = runtime.block_on(async {
        let subscriber = client.subscribe("agent.driver.>").await?;
        client.flush().await?;
        Ok::<_, Failure>(subscriber)
    })?;
    timed(|| {
        runtime.block_on(async {
            let publishing = tokio::spawn(publish_all(client.clone(), has_headers));
            for _ in 0..EVENTS {
                let message = subscriber.next().await.ok_or("the subscription ended")?;
                read(&message, codec)?;
            }
            publishing.await??;
            Ok(())
        })
    })
}

/// Fills the stream with the events.
async fn fill(client: &Client, has_headers: bool) -> Result<(), Failure> {
    ensure_stream(client, &StreamSettings::new(STREAM)).await?;
    let mut stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
    stream.purge().await?;
    publish_all(client.clone(), has_headers).await?;
    while stream.info().await?.state.messages < EVENTS as u64 {
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn stored(runtime: &Runtime, client: &Client) -> Result<Duration, Failure> {
    timed(|| {
        runtime.block_on(async {
            let mut source = JetStreamEventSource::builder(STREAM)
                .client(client.clone())
                .build()
                .await?;
            for _ in 0..EVENTS {
                let delivery = source.next().await.ok_or("the source ended")??;
                delivery.envelope().map_err(Clone::clone)?;
            }
            Ok(())
        })
    })
}

fn stored_by_hand(runtime: &Runtime, client: &Client, codec: Codec) -> Result<Duration, Failure> {
    timed(|| {
        runtime.block_on(async {
            let stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
            let config = pull::OrderedConfig {
                deliver_policy: DeliverPolicy::All,
                ..Default::default()
            };
            let consumer = stream.create_consumer(config).await?;
            let mut messages = consumer.messages().await?;
            for _ in 0..EVENTS {
                let message = messages.next().await.ok_or("the consumer ended")??;
                read(&message, codec)?;
            }
            Ok(())
        })
    })
}

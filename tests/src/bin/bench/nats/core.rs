//! Core NATS: the sink compared with a loop over the client. Both stop when the server has parsed all events.

use std::sync::Arc;

use async_nats::Client;
use driver_events_core::DriverEventSink;
use driver_events_harness::NatsServer;
use driver_events_nats::NatsEventSink;
use tokio::runtime::Runtime;

use super::raw;
use crate::Failure;
use crate::events::{RawEvent, envelopes, events, minted, raw_events};
use crate::report::{Report, Row};
use crate::rounds::timed;
use crate::runtimes::{many_threads, one_thread};

const EVENTS: usize = 44 * 500;
/// Concurrent tasks on the multi-threaded runtime.
const TASKS: usize = 16;

pub(super) fn run(report: &Report, server: &NatsServer) -> Result<(), Failure> {
    report.ratios(&format!(
        "Core NATS: {EVENTS} events, per event; ratio of speeds, more is better"
    ));
    let one = one_thread()?;
    let many = many_threads()?;
    for (has_headers, name) in [(false, "bare"), (true, "with headers")] {
        row(
            report,
            server,
            &one,
            1,
            has_headers,
            &format!("send, {name}, one thread / async-nats"),
        )?;
        row(
            report,
            server,
            &many,
            TASKS,
            has_headers,
            &format!("send, {name}, {TASKS} tasks / async-nats"),
        )?;
    }
    publish(report, server, &one)
}

async fn sink(client: &Client, has_headers: bool) -> Result<Arc<NatsEventSink>, Failure> {
    if has_headers {
        return Ok(Arc::new(NatsEventSink::new(client.clone())));
    }
    let sink = NatsEventSink::builder().client(client.clone()).bare().build().await?;
    Ok(Arc::new(sink))
}

fn parts<T>(events: Vec<T>, tasks: usize) -> Vec<Vec<T>> {
    let size = events.len().div_ceil(tasks);
    let mut rest = events.into_iter();
    std::iter::repeat_with(|| rest.by_ref().take(size).collect())
        .take(tasks)
        .collect()
}

fn row(
    report: &Report,
    server: &NatsServer,
    runtime: &Runtime,
    tasks: usize,
    has_headers: bool,
    name: &str,
) -> Result<(), Failure> {
    let client = runtime.block_on(async_nats::connect(server.client_url()))?;
    report.compare(
        Row::speed(name, EVENTS).target(0.95).with_derive(),
        || {
            let parts = parts(envelopes(EVENTS)?, tasks);
            let sink = runtime.block_on(sink(&client, has_headers))?;
            timed(|| {
                runtime.block_on(async {
                    let sending = parts.into_iter().map(|part| {
                        let sink = Arc::clone(&sink);
                        async move {
                            for envelope in part {
                                sink.send(envelope).await?;
                            }
                            Ok::<_, Failure>(())
                        }
                    });
                    all(sending, tasks).await?;
                    sink.flush().await?;
                    Ok(())
                })
            })
        },
        |codec| {
            let parts = parts(minted(EVENTS, codec)?, tasks);
            timed(|| {
                runtime.block_on(async {
                    let sending = parts.into_iter().map(|part| {
                        let client = client.clone();
                        async move {
                            for event in part {
                                raw::publish(&client, &event, has_headers).await?;
                            }
                            Ok::<_, Failure>(())
                        }
                    });
                    all(sending, tasks).await?;
                    raw::barrier(&client).await?;
                    Ok(())
                })
            })
        },
    )
}

/// Runs one part on this task, several as spawned tasks.
async fn all(
    sending: impl Iterator<Item = impl Future<Output = Result<(), Failure>> + Send + 'static>,
    tasks: usize,
) -> Result<(), Failure> {
    if tasks == 1 {
        for part in sending {
            part.await?;
        }
        return Ok(());
    }
    let tasks: Vec<_> = sending.map(tokio::spawn).collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// Both sides create id and time, as `publish` does.
fn publish(report: &Report, server: &NatsServer, runtime: &Runtime) -> Result<(), Failure> {
    let client = runtime.block_on(async_nats::connect(server.client_url()))?;
    report.compare(
        Row::speed("publish, with headers, one thread / async-nats", EVENTS)
            .target(0.95)
            .with_derive(),
        || {
            let events = events(EVENTS)?;
            let sink = NatsEventSink::new(client.clone());
            timed(|| {
                runtime.block_on(async {
                    for event in events {
                        sink.publish(event).await?;
                    }
                    sink.flush().await?;
                    Ok(())
                })
            })
        },
        |codec| {
            let events = raw_events(EVENTS, codec)?;
            timed(|| {
                runtime.block_on(async {
                    for event in events {
                        raw::publish(&client, &RawEvent::mint(event), true).await?;
                    }
                    raw::barrier(&client).await?;
                    Ok(())
                })
            })
        },
    )
}

//! Core NATS on a server that is killed.
//!
//! The reference subscriber loses its connection, too. Events before the kill are read before it; events in flight are at
//! risk for both, and the sink must report them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use driver_events_core::DriverEventSink;
use driver_events_harness::{NatsConfig, NatsServer};
use driver_events_nats::{NatsEventSink, NatsOptions};
use tokio::task::block_in_place;

use super::core_links::{flush, send};
use super::reference_subscriber::ReferenceSubscriber;
use super::stream::quick;
use crate::event::Event;
use crate::memory;
use crate::random::Random;
use crate::recorder::Recorder;
use crate::row::{Fault, Row};

const KILLS: u32 = 2;
const LIMIT: Duration = Duration::from_secs(11);

pub(super) async fn kills(random: &mut Random, row: &mut Row) -> Result<()> {
    let memory = memory::resident();
    let mut server = NatsServer::start(NatsConfig::new())?;
    let recorder = Arc::<Recorder>::default();
    let sink = NatsEventSink::builder()
        .options(quick(NatsOptions::new(server.client_url())))
        .build()
        .await?;
    let sink = Arc::new(sink);
    let mut read = Vec::new();
    let mut number = 0;
    for _ in 0..KILLS {
        let mut subscriber = ReferenceSubscriber::start(&server).await?;
        let burst: Vec<_> = (number..number + 1_000)
            .map(|number| Event {
                goal: number % 7,
                number,
            })
            .collect();
        number += 1_000;
        for event in &burst {
            send(&sink, &recorder, *event).await?.ok();
        }
        let result = flush(&sink, &recorder, &burst).await?;
        ensure!(result.is_ok(), "a flush failed on a healthy link: {result:?}");
        read.extend(subscriber.read().await?);

        let dying = tokio::task::spawn_blocking(move || {
            let killed = server.kill().and_then(|()| server.restart());
            (server, killed)
        });
        let least = random.below(2_000);
        let mut burst = Vec::new();
        while !dying.is_finished() || (burst.len() as u64) < least {
            let event = Event {
                goal: number % 7,
                number,
            };
            number += 1;
            send(&sink, &recorder, event).await?.ok();
            burst.push(event);
        }
        let killed;
        (server, killed) = dying.await?;
        killed?;
        row.count_fault(Fault::Kill);
        let reported = recorder.recorded().at_risk();
        let result = flush(&sink, &recorder, &burst).await?;
        row.check(result.is_err(), || "a flush returned Ok across a kill".into());
        let reported = recorder.recorded().at_risk() - reported;
        row.check((1..=burst.len() as u64).contains(&reported), || {
            format!("{reported} events of {} were reported as at risk", burst.len())
        });
    }
    sink.close().await?;
    row.set_losses_unobservable();
    row.add_round(&recorder, &read, LIMIT, memory);
    block_in_place(|| server.stop()).context("cannot stop the server")
}

//! Core NATS on a server that is killed.
//!
//! The subscriber loses its link with the server, too. So what came before the kill is read before it; what was under way
//! is at risk for both, and the promise is that the sink says so.

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
        let answer = flush(&sink, &recorder, &burst).await?;
        ensure!(answer.is_ok(), "a flush failed on a sound link: {answer:?}");
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
        let told = recorder.recorded().at_risk();
        let answer = flush(&sink, &recorder, &burst).await?;
        row.check(answer.is_err(), || "a flush returned Ok across a kill".into());
        let told = recorder.recorded().at_risk() - told;
        row.check((1..=burst.len() as u64).contains(&told), || {
            format!("{told} events of {} were told to be at risk", burst.len())
        });
    }
    sink.close().await?;
    row.set_losses_unobservable();
    row.add_round(&recorder, &read, LIMIT, memory);
    block_in_place(|| server.stop()).context("the server does not stop")
}

//! A stream, read with an ephemeral and with a durable consumer.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use async_nats::jetstream::{self, stream};
use driver_events_core::{DriverEventSource, Position};
use driver_events_harness::{NatsConfig, NatsServer, RawNatsClient};
use driver_events_nats::{JetStreamEventSource, NatsOptions};
use tokio::time::timeout;

use super::Size;
use super::hostile::Generator;
use super::ledger::Ledger;
use super::nats_messages::Message;
use crate::fault_timer::STEP_TIMEOUT;
use crate::memory;
use crate::random::Random;
use crate::row::Row;

const STREAM: &str = "FOREIGN";
const DURABLE: &str = "reader";
/// Messages published without waiting: fewer than the server buffers for a stream.
const CHUNK: usize = 1000;

/// `max_in_flight` is that of a durable consumer, and `None` for an ephemeral one.
pub(super) async fn run(max_in_flight: Option<usize>, random: &mut Random, size: Size, row: &mut Row) -> Result<()> {
    let server = NatsServer::start(NatsConfig::new().jetstream())?;
    let client = async_nats::connect(server.client_url()).await?;
    let context = jetstream::new(client);
    let mut stream = context
        .create_stream(stream::Config {
            name: STREAM.to_owned(),
            subjects: vec!["agent.driver.>".to_owned()],
            ..stream::Config::default()
        })
        .await?;
    let (messages, unparseable) = messages(random, size);
    let mut ledger = Ledger::default();
    let mut publisher = RawNatsClient::connect(server.client_address())?;
    for (index, message) in messages.iter().enumerate() {
        let sequence = index as u64 + 1;
        let position = Position::Stream {
            stream: STREAM.into(),
            sequence,
        };
        ledger.publish(position, message.expected);
        message.publish(&mut publisher)?;
        if sequence.is_multiple_of(CHUNK as u64) || sequence == messages.len() as u64 {
            publisher.flush()?;
            wait_until_stored(&mut stream, sequence).await?;
        }
    }
    drop(messages);

    let memory = memory::resident();
    let options =
        NatsOptions::new(server.client_url()).reconnect_delay(Duration::from_millis(1), Duration::from_millis(50));
    let mut builder = JetStreamEventSource::builder(STREAM).options(options);
    if let Some(max_in_flight) = max_in_flight {
        builder = builder.durable(DURABLE).max_in_flight(max_in_flight);
    }
    let mut source = builder.build().await?;
    while !ledger.is_complete() {
        let next = timeout(STEP_TIMEOUT, source.next()).await.context("the source waits")?;
        match next.context("the source ended")? {
            Ok(delivery) => {
                ledger.deliver(&delivery);
                match delivery.envelope().err().map(ToString::to_string) {
                    Some(reason) => delivery.reject(&reason).await?,
                    None => delivery.ack().await?,
                }
            }
            Err(error) => {
                row.check(error.is_retryable(), || error.to_string());
                row.count_errors(&format!("{:?}", error.kind()), 1);
            }
        }
    }
    let reconnects = source
        .connection()
        .context("the source has no connection")?
        .reconnects();
    row.reconnects += reconnects;
    row.unparseable += unparseable;
    row.check(reconnects <= unparseable, || {
        format!("{reconnects} reconnects for {unparseable} messages that cannot be parsed")
    });
    source.close().await?;
    if max_in_flight.is_some() {
        let mut consumer = stream.get_consumer::<jetstream::consumer::pull::Config>(DURABLE).await;
        let info = consumer.as_mut().map_err(|error| anyhow!("{error}"))?.info().await?;
        let (unsettled, unread) = (info.num_ack_pending, info.num_pending);
        row.check(unsettled == 0 && unread == 0, || {
            format!("the consumer has {unsettled} unsettled and {unread} unread messages")
        });
    }
    ledger.add_to(row);
    row.check_memory(memory);
    Ok(())
}

/// Returns the messages, and how many of them cannot be parsed. The last one is a good event.
fn messages(random: &mut Random, size: Size) -> (Vec<Message>, u64) {
    let mut generator = Generator::new(random, 0);
    let mut unparseable = 0;
    let mut messages = Vec::with_capacity(size.messages + 1);
    for _ in 0..size.messages {
        let is_unparseable = generator.random.below(size.messages as u64) < size.unparseable as u64;
        messages.push(match is_unparseable {
            true => Message::unparseable(&mut generator),
            false => Message::parseable(&mut generator),
        });
        unparseable += u64::from(is_unparseable);
    }
    messages.push(Message::good(generator.event()));
    (messages, unparseable)
}

async fn wait_until_stored(stream: &mut stream::Stream, sequence: u64) -> Result<()> {
    let stored = async {
        loop {
            let stored = stream.info().await?.state.last_sequence;
            if stored >= sequence {
                return anyhow::Ok(stored);
            }
        }
    };
    let stored = timeout(STEP_TIMEOUT, stored)
        .await
        .context("the stream did not store all messages")??;
    ensure!(
        stored == sequence,
        "the stream stored {stored} messages, not {sequence}"
    );
    Ok(())
}

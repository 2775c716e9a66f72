//! A subscription over core NATS, which loses what is published during a reconnect.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use driver_events_core::{DriverEventSource, SourceErrorKind};
use driver_events_harness::{NatsConfig, NatsServer, RawNatsClient};
use driver_events_nats::{NatsEventSource, NatsOptions};
use tokio::time::{Instant, timeout};

use super::Size;
use super::hostile::Generator;
use super::ledger::Expected;
use super::nats_messages::Message;
use crate::event::Event;
use crate::fault_timer::STEP_TIMEOUT;
use crate::memory;
use crate::random::Random;
use crate::row::Row;

/// Messages between two events that the source must receive: fewer than it buffers.
const CHUNK: usize = 100;
/// Time after which an event that a reconnect may have lost is followed by another one.
const LOST_AFTER: Duration = Duration::from_millis(200);

pub(super) async fn run(random: &mut Random, size: Size, row: &mut Row) -> Result<()> {
    let server = NatsServer::start(NatsConfig::new())?;
    let memory = memory::resident();
    let options =
        NatsOptions::new(server.client_url()).reconnect_delay(Duration::from_millis(1), Duration::from_millis(50));
    let source = NatsEventSource::builder().options(options).build().await?;
    let mut reader = Reader {
        source,
        log: Vec::new(),
        reported: 0,
    };
    let mut publisher = RawNatsClient::connect(server.client_address())?;
    let mut generator = Generator::new(random, 0);
    let mut published = Published::default();
    for _ in 0..size.messages.div_ceil(CHUNK) {
        let (reported, reportable) = (reader.reported, published.reportable);
        let unparseable = published.unparseable;
        for _ in 0..CHUNK {
            let is_unparseable = generator.random.below(size.messages as u64) < size.unparseable as u64;
            let message = match is_unparseable {
                true => Message::unparseable(&mut generator),
                false => Message::parseable(&mut generator),
            };
            published.add(&message);
            message.publish(&mut publisher)?;
        }
        reader.catch_up(&mut publisher, &mut generator, &mut published).await?;
        let (reported, reportable) = (reader.reported - reported, published.reportable - reportable);
        // Only a message that cannot be parsed costs others.
        row.check(unparseable < published.unparseable || reported == reportable, || {
            format!("{reported} of {reportable} hostile messages are reported without a reconnect")
        });
    }
    let reconnects = reader
        .source
        .connection()
        .context("the source has no connection")?
        .reconnects();
    row.reconnects += reconnects;
    row.unparseable += published.unparseable;
    row.check(reconnects <= published.unparseable, || {
        format!(
            "{reconnects} reconnects for {} messages that cannot be parsed",
            published.unparseable
        )
    });
    reader.source.close().await?;
    published.compare(reader, row);
    row.check_memory(memory);
    Ok(())
}

/// The published messages.
#[derive(Debug, Default)]
struct Published {
    /// The good events in order.
    events: Vec<Event>,
    hostile: u64,
    /// Hostile messages that the source must report, unless a reconnect lost them.
    reportable: u64,
    unparseable: u64,
}

impl Published {
    fn add(&mut self, message: &Message) {
        match message.expected {
            Expected::Event(event) => self.events.push(event),
            Expected::Malformed | Expected::Nothing => self.hostile += 1,
        }
        self.unparseable += u64::from(message.is_unparseable);
        self.reportable += u64::from(message.expected == Expected::Malformed && !message.is_unparseable);
    }

    /// Compares the published events with what the source returned: between two events that it delivered, others are
    /// missing only if it reported a gap there.
    fn compare(self, reader: Reader, row: &mut Row) {
        let indexes: HashMap<Event, usize> = self
            .events
            .iter()
            .enumerate()
            .map(|(index, event)| (*event, index))
            .collect();
        let (mut next, mut delivered, mut gaps, mut is_gap) = (0, 0, 0, false);
        let (mut unreported, mut again) = (0, 0);
        for item in &reader.log {
            let Item::Event(event) = item else {
                gaps += 1;
                is_gap = true;
                continue;
            };
            match indexes.get(event) {
                Some(index) if *index >= next => {
                    unreported += if is_gap { 0 } else { index - next };
                    next = index + 1;
                    delivered += 1;
                }
                // Again, or out of order.
                Some(_) => again += 1,
                None => row.fail(format!("{event:?} was not published")),
            }
            is_gap = false;
        }
        row.sent += self.events.len() as u64;
        row.hostile += self.hostile;
        row.reported += reader.reported;
        row.gaps += gaps;
        row.verdict.stored += delivered;
        row.verdict.missing += self.events.len() as u64 - delivered;
        row.check(unreported == 0, || {
            format!("{unreported} events are missing without a gap")
        });
        row.check(again == 0, || {
            format!("{again} events are delivered again or out of order")
        });
        row.check(reader.reported <= self.reportable, || {
            format!(
                "{} of {} hostile messages are reported",
                reader.reported, self.reportable
            )
        });
        row.check(gaps <= self.unparseable, || {
            format!("{gaps} gaps for {} messages that cannot be parsed", self.unparseable)
        });
    }
}

/// Events that the source returned, in order, without malformed messages.
#[derive(Debug)]
enum Item {
    Event(Event),
    Gap,
}

#[derive(Debug)]
struct Reader {
    source: NatsEventSource,
    log: Vec<Item>,
    reported: u64,
}

impl Reader {
    /// Publishes an event, and reads until it arrives. A reconnect may lose it: then another one follows.
    async fn catch_up(
        &mut self,
        publisher: &mut RawNatsClient,
        generator: &mut Generator<'_>,
        published: &mut Published,
    ) -> Result<()> {
        let deadline = Instant::now() + STEP_TIMEOUT;
        while Instant::now() < deadline {
            let message = Message::good(generator.event());
            published.add(&message);
            message.publish(publisher)?;
            publisher.flush()?;
            if self.read_until(message.expected).await? {
                return Ok(());
            }
        }
        anyhow::bail!("the source receives nothing more")
    }

    /// Returns whether the event arrived.
    async fn read_until(&mut self, last: Expected) -> Result<bool> {
        while let Ok(next) = timeout(LOST_AFTER, self.source.next()).await {
            match next.context("the source ended")? {
                Ok(delivery) => match delivery.envelope() {
                    Ok(envelope) => {
                        let event = Event::parse(envelope.json().map_err(|error| anyhow!("{error}"))?)?;
                        self.log.push(Item::Event(event));
                        if Expected::Event(event) == last {
                            return Ok(true);
                        }
                    }
                    Err(_) => self.reported += 1,
                },
                Err(error) if error.kind() == SourceErrorKind::Disconnected => self.log.push(Item::Gap),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }
}

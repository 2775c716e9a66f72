//! The scenarios of foreign input: raw clients publish hostile messages among good events, and a source reads them back.

mod file;
mod hostile;
mod jetstream;
mod kafka;
mod kafka_records;
mod ledger;
mod nats_core;
mod nats_messages;

use anyhow::Result;

use crate::kafka::Servers;
use crate::random::Random;
use crate::row::Row;

/// Messages of a scenario: a third are good events, the others hostile.
const MESSAGES: usize = 30_000;
/// Messages of a scenario of NATS at which async-nats ends the connection.
const UNPARSEABLE: usize = 300;

/// A scenario of foreign input: the kind of the source.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scenario {
    File,
    NatsCore,
    JetStreamEphemeral,
    JetStreamDurable,
    JetStreamOneInFlight,
    KafkaStandalone,
    KafkaGroup,
}

impl Scenario {
    pub(crate) const ALL: [Self; 7] = [
        Self::File,
        Self::NatsCore,
        Self::JetStreamEphemeral,
        Self::JetStreamDurable,
        Self::JetStreamOneInFlight,
        Self::KafkaStandalone,
        Self::KafkaGroup,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::NatsCore => "core NATS",
            Self::JetStreamEphemeral => "jetstream: ephemeral consumer",
            Self::JetStreamDurable => "jetstream: durable consumer",
            Self::JetStreamOneInFlight => "jetstream: durable consumer, one in flight",
            Self::KafkaStandalone => "kafka: without a group",
            Self::KafkaGroup => "kafka: group",
        }
    }

    /// Runs the scenario once. The number of messages is divided by `divisor`.
    pub(crate) async fn run(
        self,
        servers: &mut Servers,
        random: &mut Random,
        divisor: usize,
        row: &mut Row,
    ) -> Result<()> {
        let size = Size {
            messages: MESSAGES / divisor,
            unparseable: UNPARSEABLE / divisor,
        };
        match self {
            Self::File => file::run(random, size, row).await,
            Self::NatsCore => nats_core::run(random, size, row).await,
            Self::JetStreamEphemeral => jetstream::run(None, random, size, row).await,
            Self::JetStreamDurable => jetstream::run(Some(1024), random, size, row).await,
            Self::JetStreamOneInFlight => jetstream::run(Some(1), random, size, row).await,
            Self::KafkaStandalone => kafka::run(servers, false, random, size, row).await,
            Self::KafkaGroup => kafka::run(servers, true, random, size, row).await,
        }
    }
}

/// How many messages a scenario publishes.
#[derive(Clone, Copy, Debug)]
struct Size {
    messages: usize,
    /// Messages, among them, at which async-nats ends the connection.
    unparseable: usize,
}

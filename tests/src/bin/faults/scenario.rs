use anyhow::Result;

use crate::kafka::Servers;
use crate::random::Random;
use crate::row::Row;
use crate::{kafka, nats};

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scenario {
    Nats(nats::Scenario),
    Kafka(kafka::Scenario),
}

impl Scenario {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nats(scenario) => scenario.name(),
            Self::Kafka(scenario) => scenario.name(),
        }
    }

    /// Whether the short form leaves it out.
    pub(crate) fn is_long(self) -> bool {
        match self {
            Self::Nats(_) => false,
            Self::Kafka(scenario) => scenario.needs_a_cluster(),
        }
    }

    /// Runs it once, with one of every `share` faults under load.
    pub(crate) async fn run(
        self,
        servers: &mut Servers,
        random: &mut Random,
        share: usize,
        row: &mut Row,
    ) -> Result<()> {
        match self {
            Self::Nats(scenario) => scenario.run(random, share, row).await,
            Self::Kafka(scenario) => scenario.run(servers, random, share, row).await,
        }
    }
}

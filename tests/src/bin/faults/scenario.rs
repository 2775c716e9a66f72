use anyhow::Result;

use crate::kafka::Servers;
use crate::random::Random;
use crate::row::Row;
use crate::{kafka, nats};

/// A scenario of either transport.
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

    /// Returns whether `--short` leaves the scenario out.
    pub(crate) fn is_slow(self) -> bool {
        match self {
            Self::Nats(_) => false,
            Self::Kafka(scenario) => scenario.needs_cluster(),
        }
    }

    /// Runs the scenario once. The number of faults under load is divided by `fault_divisor`.
    pub(crate) async fn run(
        self,
        servers: &mut Servers,
        random: &mut Random,
        fault_divisor: usize,
        row: &mut Row,
    ) -> Result<()> {
        match self {
            Self::Nats(scenario) => scenario.run(random, fault_divisor, row).await,
            Self::Kafka(scenario) => scenario.run(servers, random, fault_divisor, row).await,
        }
    }
}

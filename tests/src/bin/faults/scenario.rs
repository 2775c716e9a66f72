use anyhow::Result;

use crate::kafka::Servers;
use crate::random::Random;
use crate::row::Row;
use crate::{delivery, foreign, kafka, nats};

/// A scenario of any campaign.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scenario {
    Nats(nats::Scenario),
    Kafka(kafka::Scenario),
    Foreign(foreign::Scenario),
    Delivery(delivery::Scenario),
}

impl Scenario {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nats(scenario) => scenario.name(),
            Self::Kafka(scenario) => scenario.name(),
            Self::Foreign(scenario) => scenario.name(),
            Self::Delivery(scenario) => scenario.name(),
        }
    }

    /// Returns whether `--short` leaves the scenario out.
    pub(crate) fn is_slow(self) -> bool {
        match self {
            Self::Nats(_) | Self::Foreign(_) | Self::Delivery(_) => false,
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
            Self::Foreign(scenario) => scenario.run(servers, random, fault_divisor, row).await,
            Self::Delivery(scenario) => scenario.run(servers, random, fault_divisor, row).await,
        }
    }
}

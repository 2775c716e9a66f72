//! The scenarios of delivery: a driver process with a spool in front of JetStream and Kafka.
//!
//! The driver is this program, started with [`DRIVER_ARGUMENT`]. It sends the realistic run with fresh goals, ignores errors,
//! and appends what became of each event to a ledger, which is compared with what the brokers hold.

mod driver;
mod process;
mod rig;
mod waits;

mod goal_run;
mod ledger;

mod brokers;
mod compare;
mod read_back;
mod totals;

mod clock;
mod damage;
mod disk_full;
mod kills;
mod links;
mod operator;
mod outage;

use anyhow::Result;

pub(crate) use self::driver::{DRIVER_ARGUMENT, run as run_driver};
use self::rig::Target;
use crate::kafka::Servers;
use crate::random::Random;
use crate::row::Row;

/// A scenario of delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scenario {
    DriverKilledJetStream,
    DriverKilledKafka,
    BrokersKilled,
    JetStreamDead,
    KafkaDead,
    LinkCut,
    RevokedJetStream,
    RevokedKafka,
    Deleted,
    DiskFull,
    FileDamaged,
    ClockStepped,
}

impl Scenario {
    pub(crate) const ALL: [Self; 12] = [
        Self::DriverKilledJetStream,
        Self::DriverKilledKafka,
        Self::BrokersKilled,
        Self::JetStreamDead,
        Self::KafkaDead,
        Self::LinkCut,
        Self::RevokedJetStream,
        Self::RevokedKafka,
        Self::Deleted,
        Self::DiskFull,
        Self::FileDamaged,
        Self::ClockStepped,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DriverKilledJetStream => "driver killed, JetStream",
            Self::DriverKilledKafka => "driver killed, Kafka",
            Self::BrokersKilled => "driver and brokers killed, JetStream and Kafka",
            Self::JetStreamDead => "JetStream dead the whole time, Kafka alive",
            Self::KafkaDead => "Kafka dead the whole time, JetStream alive",
            Self::LinkCut => "links cut, JetStream and Kafka",
            Self::RevokedJetStream => "permission revoked and restored, JetStream",
            Self::RevokedKafka => "permission revoked and restored, Kafka",
            Self::Deleted => "stream deleted and created again",
            Self::DiskFull => "disk full",
            Self::FileDamaged => "spool file damaged",
            Self::ClockStepped => "clock stepped",
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
            Self::DriverKilledJetStream => kills::driver(Target::JetStream, servers, random, fault_divisor, row).await,
            Self::DriverKilledKafka => kills::driver(Target::Kafka, servers, random, fault_divisor, row).await,
            Self::BrokersKilled => kills::driver_and_brokers(servers, random, fault_divisor, row).await,
            Self::JetStreamDead => outage::run(Target::JetStream, servers, random, row).await,
            Self::KafkaDead => outage::run(Target::Kafka, servers, random, row).await,
            Self::LinkCut => links::run(servers, random, fault_divisor, row).await,
            Self::RevokedJetStream => operator::revoked(Target::JetStream, servers, random, row).await,
            Self::RevokedKafka => operator::revoked(Target::Kafka, servers, random, row).await,
            Self::Deleted => operator::deleted(servers, random, row).await,
            Self::DiskFull => disk_full::run(servers, random, row).await,
            Self::FileDamaged => damage::run(servers, random, row).await,
            Self::ClockStepped => clock::run(servers, random, row).await,
        }
    }
}

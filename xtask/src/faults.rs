//! `cargo xtask faults`: runs the fault injection of the `tests` package, optimised.

use std::path::Path;

use anyhow::Result;

use crate::command;

/// The options of the fault injection.
#[derive(Debug, clap::Args)]
pub struct Faults {
    /// What to test
    campaign: Campaign,
    /// Number of times that each scenario runs [default: 10]
    #[arg(long)]
    rounds: Option<u32>,
    /// Start rounds for this many minutes instead
    #[arg(long, conflicts_with = "rounds")]
    minutes: Option<u32>,
    /// Run one round, without Kafka clusters and with a fifth of the faults under load
    #[arg(long, conflicts_with_all = ["rounds", "minutes"])]
    short: bool,
    /// Seed of the random times at which faults are injected [default: 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Run only scenarios whose names contain this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Campaign {
    /// Core NATS and JetStream: servers killed, links cut
    Nats,
    /// Apache Kafka: brokers killed, links cut
    Kafka,
    /// Hostile messages among events, read by every kind of source
    Foreign,
    /// A driver process with a spool in front of both brokers: killed, disks full, files damaged
    Delivery,
}

impl Campaign {
    fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Kafka => "kafka",
            Self::Foreign => "foreign",
            Self::Delivery => "delivery",
        }
    }
}

/// Runs the scenarios, which print a table.
///
/// # Errors
/// Returns an error if the program does not build, or if a delivery guarantee was broken.
pub fn run(root: &Path, faults: &Faults) -> Result<()> {
    let mut cargo = command::cargo(root);
    cargo.args([
        "run",
        "--release",
        "-p",
        "driver-events-tests",
        "--bin",
        "faults",
        "--",
        faults.campaign.name(),
    ]);
    let options = [
        ("--rounds", faults.rounds.map(|rounds| rounds.to_string())),
        ("--minutes", faults.minutes.map(|minutes| minutes.to_string())),
        ("--seed", faults.seed.map(|seed| seed.to_string())),
        ("--only", faults.only.clone()),
    ];
    for (name, value) in options {
        cargo.args(value.map(|value| format!("{name}={value}")));
    }
    cargo.args(faults.short.then_some("--short"));
    command::run(&mut cargo)
}

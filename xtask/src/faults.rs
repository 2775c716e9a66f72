//! `cargo xtask faults`: runs the faults of the `tests` package, optimised.

use std::path::Path;

use anyhow::Result;

use crate::command;

/// Which faults, and how many.
#[derive(Debug, clap::Args)]
pub struct Faults {
    /// The transport that is tried.
    transport: Transport,
    /// How often every scenario is run [default: 10].
    #[arg(long)]
    rounds: Option<u32>,
    /// Begin rounds for so many minutes instead.
    #[arg(long, conflicts_with = "rounds")]
    minutes: Option<u32>,
    /// One round without clusters of Kafka, with a fifth of the faults under load.
    #[arg(long, conflicts_with_all = ["rounds", "minutes"])]
    short: bool,
    /// What chance begins with: where faults hit [default: 1].
    #[arg(long)]
    seed: Option<u64>,
    /// Run only the scenarios whose names have this in them.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Transport {
    /// Core NATS and JetStream.
    Nats,
    /// Apache Kafka.
    Kafka,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Kafka => "kafka",
        }
    }
}

/// Runs them and passes the table through.
///
/// # Errors
/// When the program does not build, and when a promise was broken.
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
        faults.transport.name(),
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

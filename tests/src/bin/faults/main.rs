//! `cargo xtask faults nats` and `… kafka`: sends events to real servers, injects faults into servers and links, and
//! checks the outcome of every event. `… foreign`: publishes hostile messages among events, and checks that every kind of
//! source delivers the events and reports the others. `… delivery`: kills a driver process with a spool, and checks that the
//! brokers hold every event that it accepted.
//!
//! A round runs every scenario once. Faults hit while events are in flight: a fault waits until another event is
//! acknowledged, and then until a random number of messages is sent. Stored events are read back with the plain client,
//! without the crates under test.
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(clippy::print_stderr, reason = "progress is not part of the result")]

mod delivery;
mod event;
mod fault_timer;
mod foreign;
mod kafka;
mod load;
mod nats;
mod random;
mod recorder;
mod row;
mod scenario;
mod table;
mod verdict;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use driver_events_tests::memory;

use crate::kafka::Servers;
use crate::random::Random;
use crate::row::Row;
use crate::scenario::Scenario;
use crate::table::Column;

/// Inject faults into real servers and links while events are sent, and check the outcome of every event.
#[derive(Parser)]
struct Arguments {
    /// Campaign: the faults of a transport, foreign input, or a spool's delivery.
    campaign: Campaign,
    /// Number of times to run every scenario.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Start rounds until this many minutes have passed.
    #[arg(long, conflicts_with = "rounds")]
    minutes: Option<u32>,
    /// Run one short round: no Kafka clusters, and a fifth of the faults under load.
    #[arg(long, conflicts_with_all = ["rounds", "minutes"])]
    short: bool,
    /// Seed of the random numbers that decide when faults hit.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run only the scenarios whose name contains this text, in any case.
    #[arg(long, default_value = "")]
    only: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Campaign {
    /// Core NATS and JetStream.
    Nats,
    /// Apache Kafka.
    Kafka,
    /// Hostile messages, read by every kind of source.
    Foreign,
    /// Driver processes with a spool.
    Delivery,
}

impl Campaign {
    fn scenarios(self) -> Vec<Scenario> {
        match self {
            Self::Nats => nats::Scenario::ALL.map(Scenario::Nats).into(),
            Self::Kafka => kafka::Scenario::ALL.map(Scenario::Kafka).into(),
            Self::Foreign => foreign::Scenario::ALL.map(Scenario::Foreign).into(),
            Self::Delivery => delivery::Scenario::ALL.map(Scenario::Delivery).into(),
        }
    }

    fn columns(self) -> &'static [Column] {
        match self {
            Self::Nats => table::NATS,
            Self::Kafka => table::KAFKA,
            Self::Foreign => table::FOREIGN,
            Self::Delivery => table::DELIVERY,
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match (arguments.next().as_deref(), arguments.next()) {
        (Some(delivery::DRIVER_ARGUMENT), Some(settings)) => delivery::run_driver(&settings).map(|()| true),
        _ => run(&Arguments::parse()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the scenarios to run.
///
/// # Errors
/// There is none: the error lists all names.
fn selected(arguments: &Arguments) -> Result<Vec<Scenario>> {
    let all = arguments.campaign.scenarios();
    let only = arguments.only.to_lowercase();
    let is_selected = |scenario: &&Scenario| {
        scenario.name().to_lowercase().contains(&only) && !(arguments.short && scenario.is_slow())
    };
    let selected: Vec<_> = all.iter().filter(is_selected).copied().collect();
    let names: Vec<_> = all.iter().map(|scenario| scenario.name()).collect();
    ensure!(
        !selected.is_empty(),
        "no scenario contains `{}`: {}",
        arguments.only,
        names.join("; ")
    );
    Ok(selected)
}

/// Returns whether every promise was kept.
fn run(arguments: &Arguments) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()?;
    let mut random = Random::new(arguments.seed);
    let mut servers = Servers::default();
    let mut rows: Vec<(Scenario, Row)> = selected(arguments)?
        .into_iter()
        .map(|scenario| (scenario, Row::default()))
        .collect();
    let start = Instant::now();
    let fault_divisor = if arguments.short { 5 } else { 1 };
    let mut rounds = 0;
    let (mut memory_after_first, mut memory_after_last) = (0, 0);
    let has_next_round = |rounds| match arguments.minutes {
        Some(minutes) => start.elapsed() < Duration::from_secs(60) * minutes,
        None if arguments.short => rounds == 0,
        None => rounds < arguments.rounds,
    };
    while has_next_round(rounds) {
        rounds += 1;
        for (scenario, row) in &mut rows {
            let round_start = Instant::now();
            if let Err(error) = runtime.block_on(scenario.run(&mut servers, &mut random, fault_divisor, row)) {
                row.fail(format!("round {rounds} failed: {error:#}"));
            }
            let seconds = round_start.elapsed().as_secs_f64();
            let memory = memory::resident() / 1024;
            eprintln!("round {rounds}: {}, {seconds:.1} s, {memory} MiB", scenario.name());
        }
        memory_after_last = memory::resident();
        if rounds == 1 {
            memory_after_first = memory_after_last;
        }
    }
    let seconds = start.elapsed().as_secs();
    println!(
        "{rounds} rounds, seed {}, {seconds} s; resident memory {memory_after_first} KiB after the first round, \
         {memory_after_last} KiB after the last\n",
        arguments.seed
    );
    Ok(table::print(arguments.campaign.columns(), &rows))
}

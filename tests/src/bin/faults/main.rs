//! `cargo xtask faults nats` and `… kafka`: events are sent over real servers and links that fail, and what became of each
//! is checked.
//!
//! A round runs every scenario once. The load goes on while faults are done to it; a fault waits
//! for events that were acknowledged since the one before, and then for a random number of messages, so that it hits
//! calls under way. What is stored is read back with the plain client, past the crates that are tried.
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(clippy::print_stderr, reason = "how far it has come is not part of the result")]

mod account;
mod event;
mod kafka;
mod load;
mod memory;
mod nats;
mod pace;
mod random;
mod row;
mod scenario;
mod table;
mod verdict;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::kafka::Servers;
use crate::random::Random;
use crate::row::Row;
use crate::scenario::Scenario;
use crate::table::Column;

/// Does faults to real servers and links while events are sent, and tells what became of the events.
#[derive(Parser)]
struct Arguments {
    /// The transport.
    transport: Transport,
    /// How often every scenario is run.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Begin rounds for so many minutes instead.
    #[arg(long, conflicts_with = "rounds")]
    minutes: Option<u32>,
    /// One round without clusters of Kafka, with a fifth of the faults under load.
    #[arg(long, conflicts_with_all = ["rounds", "minutes"])]
    short: bool,
    /// What chance begins with: where faults hit.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run only the scenarios whose names have this in them.
    #[arg(long, default_value = "")]
    only: String,
    /// Be a reader that can be killed, of these servers and this topic.
    #[arg(long, hide = true, num_args = 2)]
    read: Option<Vec<String>>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Transport {
    /// Core NATS and JetStream.
    Nats,
    /// Apache Kafka.
    Kafka,
}

impl Transport {
    fn scenarios(self) -> Vec<Scenario> {
        match self {
            Self::Nats => nats::Scenario::ALL.map(Scenario::Nats).into(),
            Self::Kafka => kafka::Scenario::ALL.map(Scenario::Kafka).into(),
        }
    }

    fn columns(self) -> &'static [Column] {
        match self {
            Self::Nats => table::NATS,
            Self::Kafka => table::KAFKA,
        }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every promise was kept.
fn run(arguments: &Arguments) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()?;
    if let Some([servers, topic]) = arguments.read.as_deref() {
        runtime.block_on(kafka::read_as_process(servers, topic))?;
        return Ok(true);
    }
    let mut random = Random::new(arguments.seed);
    let mut servers = Servers::default();
    let scenarios = arguments.transport.scenarios().into_iter();
    let is_asked_for = |scenario: &Scenario| scenario.name().contains(&arguments.only);
    let scenarios = scenarios.filter(|scenario| is_asked_for(scenario) && !(arguments.short && scenario.is_long()));
    let mut rows: Vec<(Scenario, Row)> = scenarios.map(|scenario| (scenario, Row::default())).collect();
    let start = Instant::now();
    let share = if arguments.short { 5 } else { 1 };
    let mut rounds = 0;
    let mut memory = (0, 0);
    let has_more = |rounds| match arguments.minutes {
        Some(minutes) => start.elapsed() < Duration::from_secs(60) * minutes,
        None if arguments.short => rounds == 0,
        None => rounds < arguments.rounds,
    };
    while has_more(rounds) {
        rounds += 1;
        for (scenario, row) in &mut rows {
            let begun = Instant::now();
            if let Err(error) = runtime.block_on(scenario.run(&mut servers, &mut random, share, row)) {
                row.breaks(format!("round {rounds} did not end: {error:#}"));
            }
            let seconds = begun.elapsed().as_secs_f64();
            let memory = memory::resident() / 1024;
            eprintln!("round {rounds}: {}, {seconds:.1} s, {memory} MiB", scenario.name());
        }
        let resident = memory::resident();
        memory = (if rounds == 1 { resident } else { memory.0 }, resident);
    }
    let (first, last) = memory;
    let seconds = start.elapsed().as_secs();
    println!(
        "{rounds} rounds, seed {}, {seconds} s; this process had {first} KiB of memory after the first round, {last} KiB \
         after the last\n",
        arguments.seed
    );
    Ok(table::print(arguments.transport.columns(), &rows))
}

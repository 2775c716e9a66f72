//! `cargo xtask bench`: runs a benchmark of the `tests` package, optimised.

use std::path::Path;

use anyhow::Result;

use crate::command;
use crate::instructions::{self, Mode};

/// The options of the benchmarks.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Options {
    /// What to measure
    bench: Bench,
    /// `delivery`: measure memory over an outage of an hour, not of a minute
    #[arg(long)]
    hour: bool,
    /// `instructions`: fail if an operation has become more expensive than the committed counts allow
    #[arg(long, conflicts_with = "bless")]
    check: bool,
    /// `instructions`: write the counts to tests/costs/instructions.json
    #[arg(long)]
    bless: bool,
}

/// A benchmark. Each prints ratios that are measured in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Bench {
    /// Encoding and decoding, against plain serde derives
    Codec,
    /// The spool and the buffer: time of a call, throughput, delivery of a backlog, memory
    Delivery,
    /// The Kafka sink and source, against librdkafka's producers and consumer
    Kafka,
    /// The NATS sinks and sources, against loops over the client
    Nats,
    /// Instructions of what happens to each event, counted by valgrind
    Instructions,
    /// The stdout sink, against a 64 KiB `BufWriter` into a pipe
    Stdout,
}

/// Runs the benchmark.
///
/// # Errors
/// Returns cargo's failure.
pub fn run(root: &Path, options: Options) -> Result<()> {
    let name = match options.bench {
        Bench::Instructions => {
            let mode = match (options.check, options.bless) {
                (true, _) => Mode::Check,
                (false, true) => Mode::Bless,
                (false, false) => Mode::Report,
            };
            return instructions::run(root, mode, &mut Vec::new());
        }
        Bench::Codec => "codec",
        Bench::Delivery => "delivery",
        Bench::Kafka => "kafka",
        Bench::Nats => "nats",
        Bench::Stdout => "stdout",
    };
    let program = [
        "run",
        "--release",
        "-p",
        "driver-events-tests",
        "--bin",
        "bench",
        "--",
        name,
    ];
    let hour = options.hour.then_some("--hour");
    command::run(command::cargo(root).args(program).args(hour))
}

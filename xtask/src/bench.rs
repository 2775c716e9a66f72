//! `cargo xtask bench`: runs a benchmark of the `tests` package, optimised.

use std::path::Path;

use anyhow::Result;

use crate::instructions::{self, Mode};
use crate::{build_costs, command};

/// The options of the benchmarks.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// What to measure
    bench: Bench,
    /// `delivery`: measure memory over an outage of an hour, not of a minute
    #[arg(long)]
    hour: bool,
    /// Measure only the comparisons whose text contains this
    #[arg(long, value_name = "TEXT")]
    row: Option<String>,
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
    /// All others but `build`
    All,
    /// What each crate adds to the build of a program: crates, seconds, bytes
    Build,
    /// Encoding and decoding, against plain serde derives
    Codec,
    /// The spool and the buffer: time of a call, throughput, delivery of a backlog, memory
    Delivery,
    /// The Kafka sink and source, against librdkafka's producers and consumer
    Kafka,
    /// A new envelope with its id and time, against a UUID
    Mint,
    /// The NATS sinks and sources, against loops over the client
    Nats,
    /// Instructions of what happens to each event, counted by valgrind
    Instructions,
    /// How the cost grows with live goals, sizes of events, tasks and sinks
    Scale,
    /// The stdout sink, against a 64 KiB `BufWriter` into a pipe
    Stdout,
}

/// Runs the benchmark.
///
/// # Errors
/// Returns cargo's failure, or those of [`instructions::run`].
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let name = match options.bench {
        Bench::Instructions => return count_instructions(root, options),
        Bench::Build => return build_costs::run(root),
        Bench::All => "all",
        Bench::Codec => "codec",
        Bench::Delivery => "delivery",
        Bench::Kafka => "kafka",
        Bench::Mint => "mint",
        Bench::Nats => "nats",
        Bench::Scale => "scale",
        Bench::Stdout => "stdout",
    };
    let mut program = command::cargo(root);
    program.args([
        "run",
        "--release",
        "-p",
        "driver-events-tests",
        "--bin",
        "bench",
        "--",
        name,
    ]);
    program.args(options.hour.then_some("--hour"));
    if let Some(row) = &options.row {
        program.args(["--row", row]);
    }
    command::run(&mut program)?;
    match options.bench {
        Bench::All => count_instructions(root, options),
        _ => Ok(()),
    }
}

fn count_instructions(root: &Path, options: &Options) -> Result<()> {
    let mode = match (options.check, options.bless) {
        (true, _) => Mode::Check,
        (false, true) => Mode::Bless,
        (false, false) => Mode::Report,
    };
    instructions::run(root, mode, &mut Vec::new())
}

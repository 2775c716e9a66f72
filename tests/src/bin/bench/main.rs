//! Benchmarks that print ratios and figures: `cargo xtask bench codec`, `… nats`, `… all`.
//!
//! All sides of a ratio alternate in one process, on the same events, so that changes in the speed of the machine affect all
//! of them. The result is the median over the rounds; the spread shows its precision.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod codec;
mod cpu_time;
mod delivery;
mod events;
mod hostile;
mod kafka;
mod mint;
mod nats;
mod plain_contract;
mod report;
mod rounds;
mod runtimes;
mod scale;
mod stdout;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use self::report::Report;

/// Reason why a benchmark cannot run.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The realistic run: events in the mix that drivers publish.
const GOAL_RUN: &str = include_str!("../../../../crates/driver-events-types/tests/fixtures/goal-run.ndjson");

#[derive(Parser)]
struct Arguments {
    benchmark: Benchmark,
    /// `delivery`: measure memory over an outage of an hour, not of a minute
    #[arg(long)]
    hour: bool,
    /// Measure only the comparisons whose text contains this
    #[arg(long, default_value = "")]
    row: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Benchmark {
    All,
    Codec,
    Delivery,
    Kafka,
    Mint,
    Nats,
    Scale,
    Stdout,
}

impl Benchmark {
    fn run(self, report: &Report, whole_hour: bool) -> Result<(), Failure> {
        match self {
            Self::All => {
                let each = [
                    Self::Codec,
                    Self::Mint,
                    Self::Stdout,
                    Self::Nats,
                    Self::Kafka,
                    Self::Delivery,
                    Self::Scale,
                ];
                each.into_iter()
                    .try_for_each(|benchmark| benchmark.run(report, whole_hour))
            }
            Self::Codec => {
                codec::run(report)?;
                hostile::run(report)
            }
            Self::Delivery => delivery::run(report, whole_hour),
            Self::Kafka => kafka::run(report),
            Self::Mint => mint::run(report),
            Self::Nats => nats::run(report),
            Self::Scale => scale::run(report),
            Self::Stdout => stdout::run(report),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let report = Report::new(arguments.row);
    let result = arguments.benchmark.run(&report, arguments.hour);
    report.finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the benchmark stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

//! `cargo xtask bench`: runs a benchmark of the `tests` package, optimised.

use std::path::Path;

use anyhow::Result;

use crate::command;

/// A benchmark. Each prints ratios that are measured in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Bench {
    /// Encoding and decoding, against plain serde derives
    Codec,
    /// The Kafka sink and source, against librdkafka's producers and consumer
    Kafka,
    /// The NATS sinks and sources, against loops over the client
    Nats,
    /// The stdout sink, against a 64 KiB `BufWriter` into a pipe
    Stdout,
}

/// Runs the benchmark.
///
/// # Errors
/// Returns cargo's failure.
pub fn run(root: &Path, bench: Bench) -> Result<()> {
    let name = match bench {
        Bench::Codec => "codec",
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
    command::run(command::cargo(root).args(program))
}

//! `cargo xtask bench`: runs a benchmark of the `tests` package, optimised.

use std::path::Path;

use anyhow::Result;

use crate::command;

/// A benchmark. Each prints ratios, taken in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Bench {
    /// Encode and decode, against the plain serde derive.
    Codec,
    /// Kafka, against librdkafka's producers and consumer by hand.
    Kafka,
    /// NATS, against loops over the client by hand.
    Nats,
    /// The stdout sink, against a 64 KiB `BufWriter` into a pipe.
    Stdout,
}

/// Runs `bench` and passes its output through.
///
/// # Errors
/// When it does not build, and when it fails.
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

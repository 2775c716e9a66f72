//! Benchmarks that print ratios: `cargo xtask bench codec`, `… stdout`, `… nats`, `… kafka`.
//!
//! Both sides of a ratio run in one process, in turn, on the same events, so that a machine whose speed drifts slows
//! both. What counts is the median over the rounds; the spread tells how much to trust it.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod codec;
mod events;
mod kafka;
mod nats;
mod plain_contract;
mod rounds;
mod runtimes;
mod stdout;

use std::process::ExitCode;

/// Why a benchmark could not be run.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The realistic run: what drivers publish, in the mix in which they publish it.
const GOAL_RUN: &str = include_str!("../../../../crates/driver-events-types/tests/fixtures/goal-run.ndjson");

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let result = match name.as_str() {
        "codec" => codec::run(),
        "kafka" => kafka::run(),
        "nats" => nats::run(),
        "stdout" => stdout::run(),
        _ => {
            println!("usage: bench codec|kafka|nats|stdout");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("bench {name}: {error}");
            ExitCode::FAILURE
        }
    }
}

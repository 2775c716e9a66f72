//! Benchmarks that print ratios: `cargo xtask bench codec`, `… stdout`, `… nats`, `… kafka`, `… delivery`.
//!
//! Both sides of a ratio alternate in one process, on the same events, so that changes in the speed of the machine affect
//! both. The result is the median over the rounds; the spread shows its precision.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod codec;
mod delivery;
mod events;
mod hostile;
mod kafka;
mod nats;
mod plain_contract;
mod rounds;
mod runtimes;
mod stdout;

use std::process::ExitCode;

/// Reason why a benchmark cannot run.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The realistic run: events in the mix that drivers publish.
const GOAL_RUN: &str = include_str!("../../../../crates/driver-events-types/tests/fixtures/goal-run.ndjson");

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let result = match name.as_str() {
        "codec" => codec::run().and_then(|()| hostile::run()),
        "delivery" => delivery::run(std::env::args().any(|argument| argument == "--hour")),
        "kafka" => kafka::run(),
        "nats" => nats::run(),
        "stdout" => stdout::run(),
        _ => {
            println!("usage: bench codec|delivery [--hour]|kafka|nats|stdout");
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

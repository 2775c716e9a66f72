//! The spool and the buffer compared with their targets: time of a call, throughput, delivery after an outage, memory.

mod drain;
mod emit;
mod raw_store;
mod recovery;
mod scripted_loop;
mod spools;
mod throughput;

use driver_events_harness::{KafkaBroker, KafkaConfig, NatsConfig, NatsServer};

use crate::Failure;

/// The only stream of the server: another one could not have the same subjects.
const STREAM: &str = "BENCH";

/// `whole_hour` runs the outage in which memory is measured for an hour, otherwise for a minute.
pub(crate) fn run(whole_hour: bool) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    println!("Files are in {}.", folder.path().display());
    let mut server = NatsServer::start(NatsConfig::new().jetstream())?;
    emit::run(folder.path(), &mut server)?;
    throughput::run(folder.path())?;
    scripted_loop::run(folder.path())?;
    drain::jetstream(folder.path(), &server)?;
    drain::kafka(folder.path(), &KafkaBroker::start(KafkaConfig::new())?)?;
    recovery::run(folder.path(), &mut server, whole_hour)
}

/// Prints the header of a table of figures with targets.
fn print_head(title: &str) {
    println!("\n{title}");
    println!("{:<58} {:>26} {:>12}", "what", "measured", "target");
}

/// Prints a figure, its target, and whether it is met.
fn print_row(what: &str, measured: &str, target: Option<(&str, bool)>) {
    let (target, verdict) = match target {
        Some((target, true)) => (target, ""),
        Some((target, false)) => (target, " MISSED"),
        None => ("", ""),
    };
    println!("{what:<58} {measured:>26} {target:>12}{verdict}");
}

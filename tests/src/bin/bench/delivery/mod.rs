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
use crate::report::Report;

/// The only stream of the server: another one could not have the same subjects.
const STREAM: &str = "BENCH";

/// `whole_hour` runs the outage in which memory is measured for an hour, otherwise for a minute.
pub(crate) fn run(report: &Report, whole_hour: bool) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    println!("\nSpool and buffer: files are in {}.", folder.path().display());
    let mut server = NatsServer::start(NatsConfig::new().jetstream())?;
    emit::run(report, folder.path(), &mut server)?;
    throughput::run(report, folder.path())?;
    scripted_loop::run(report, folder.path())?;
    drain::jetstream(report, folder.path(), &server)?;
    drain::kafka(report, folder.path(), &KafkaBroker::start(KafkaConfig::new())?)?;
    recovery::run(report, folder.path(), &mut server, whole_hour)
}

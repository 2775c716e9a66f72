//! NATS compared with the raw client, on a dedicated server.

mod core;
mod jetstream;
mod raw;
mod reading;

use driver_events_harness::{NatsConfig, NatsServer};

use crate::Failure;
use crate::report::Report;

pub(crate) fn run(report: &Report) -> Result<(), Failure> {
    let server = NatsServer::start(NatsConfig::new().jetstream())?;
    core::run(report, &server)?;
    jetstream::run(report, &server)?;
    reading::run(report, &server)
}

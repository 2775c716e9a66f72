//! NATS compared with the raw client, on a dedicated server.

mod core;
mod jetstream;
mod raw;
mod reading;

use driver_events_harness::{NatsConfig, NatsServer};

use crate::Failure;

pub(crate) fn run() -> Result<(), Failure> {
    let server = NatsServer::start(NatsConfig::new().jetstream())?;
    core::run(&server)?;
    jetstream::run(&server)?;
    reading::run(&server)
}

//! NATS as a target and as a source: URLs, credentials, connections.

mod address;
mod arguments;
mod jetstream;

pub(crate) use address::NatsAddress;
pub(crate) use arguments::NatsArguments;
pub(crate) use jetstream::{JetStreamAddress, Start};

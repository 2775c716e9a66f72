//! NATS as a target and as a source: URLs, credentials, connections.

mod address;
mod credentials;
mod jetstream;

pub(crate) use address::NatsAddress;
pub(crate) use credentials::NatsArguments;
pub(crate) use jetstream::{JetStreamAddress, Start};

//! Core NATS and JetStream.

mod core_nats;

mod connection;
mod options;
mod setup_error;

mod headers;
mod percent;
mod subject;

mod count;
mod credentials;
mod link;
mod state;
mod tls;

pub use connection::NatsConnection;
pub use core_nats::{NatsEventSink, NatsEventSinkBuilder, NatsEventSource, NatsEventSourceBuilder};
pub use options::NatsOptions;
pub use setup_error::{SetupError, SetupErrorKind};

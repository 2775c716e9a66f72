//! Core NATS and JetStream.

mod core_nats;
mod jetstream;

mod connection;
mod options;
mod setup_error;

mod headers;
mod percent;
mod subject;

mod count;
mod credentials;
mod gate;
mod link;
mod state;
mod tls;

pub use connection::NatsConnection;
pub use core_nats::{NatsEventSink, NatsEventSinkBuilder, NatsEventSource, NatsEventSourceBuilder};
pub use jetstream::{
    EnsuredStream, JetStreamEventSink, JetStreamEventSinkBuilder, StreamSettings, StreamWarning, ensure_stream,
};
pub use options::NatsOptions;
pub use setup_error::{SetupError, SetupErrorKind};

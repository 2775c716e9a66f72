//! Core NATS and JetStream.

mod connection;
mod options;
mod setup_error;

mod headers;
mod percent;
mod subject;

mod credentials;
mod state;
mod tls;

pub use connection::NatsConnection;
pub use options::NatsOptions;
pub use setup_error::{SetupError, SetupErrorKind};

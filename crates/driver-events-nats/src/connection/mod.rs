//! Connections: options, state, refusals of the server, barriers.

mod connect;
mod credentials;
mod options;
mod servers;
mod tls;

mod connection_source;
mod nats_connection;
mod revival;
mod subscription;

mod barrier;
mod connect_failures;
mod event_fence;
mod monitor;
mod refusal;
mod violations;

pub(crate) use barrier::DEFAULT_BARRIER_SUBJECT;
pub(crate) use connection_source::ConnectionSource;
pub(crate) use monitor::Status;
pub(crate) use refusal::{Refusal, ReportOnce};
pub(crate) use subscription::Subscription;

pub use nats_connection::NatsConnection;
pub use options::NatsOptions;

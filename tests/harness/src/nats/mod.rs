//! nats-server: a single server, or a cluster.

mod config;
mod program;
mod raw_client;
mod server;
mod user;

pub use self::config::NatsConfig;
pub use self::program::{NatsCluster, NatsServer};
pub use self::raw_client::RawNatsClient;
pub use self::user::NatsUser;

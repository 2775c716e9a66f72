//! nats-server: a single server, or a cluster.

mod config;
mod program;
mod server;
mod user;

pub use self::config::NatsConfig;
pub use self::program::{NatsCluster, NatsServer};
pub use self::user::NatsUser;

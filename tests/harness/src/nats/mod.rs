//! nats-server: a single server, or a cluster.

mod cluster;
mod config;
mod instance;
mod server;
mod user;

pub use self::cluster::NatsCluster;
pub use self::config::NatsConfig;
pub use self::server::NatsServer;
pub use self::user::NatsUser;

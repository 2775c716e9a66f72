//! Apache Kafka in KRaft mode: a single broker, or a cluster.

mod admin;
mod broker;
mod cluster;
mod config;
mod console;
mod instance;
pub(crate) mod java;
mod listener;
mod wire;

pub use self::admin::{KafkaAdmin, KafkaOperation, KafkaPartition, KafkaResource};
pub use self::broker::KafkaBroker;
pub use self::cluster::KafkaCluster;
pub use self::config::KafkaConfig;
pub use self::console::KafkaRecord;
pub use self::listener::KafkaListener;

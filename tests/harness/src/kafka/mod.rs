//! Apache Kafka in KRaft mode: a single broker, or a cluster.

mod admin;
mod broker;
mod class_archive;
mod config;
mod console;
pub(crate) mod java;
mod listener;
mod program;
mod raw_record;
mod wire;

pub use self::admin::{KafkaAdmin, KafkaOperation, KafkaPartition, KafkaResource};
pub use self::class_archive::archive_classes;
pub use self::config::KafkaConfig;
pub use self::console::KafkaRecord;
pub use self::listener::KafkaListener;
pub use self::program::{KafkaBroker, KafkaCluster};
pub use self::raw_record::{KafkaBatchDefect, KafkaRawRecord};

#![doc = include_str!("../README.md")]
#![expect(clippy::panic, reason = "a test fails by a panic")]
#![expect(clippy::print_stderr, reason = "a test that fails shows what its servers logged")]

mod servers;
pub use servers::{Cluster, Server};

mod nats;
pub use nats::{NatsCluster, NatsConfig, NatsServer, NatsUser, RawNatsClient};

mod kafka;
pub use kafka::{KafkaAdmin, KafkaBroker, KafkaCluster, KafkaConfig, KafkaListener, KafkaOperation};
pub use kafka::{KafkaBatchDefect, KafkaPartition, KafkaRawRecord, KafkaRecord, KafkaResource, archive_classes};

mod proxy;
pub use proxy::{Direction, Proxy, ProxyCounts};

mod certificates;
pub use certificates::Certificates;

mod captured_tracing;
pub use captured_tracing::{CapturedTracing, error_report};

mod wait;
pub use wait::{poll_for, poll_for_blocking, wait_for, wait_until};

pub mod brokers;
pub mod interop;
pub mod provision;

mod file_lock;
mod folders;
mod http;

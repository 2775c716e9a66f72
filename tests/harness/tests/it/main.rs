//! Tests of the harness with real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod brokers;

mod kafka_client;

mod kafka_broker;
mod kafka_cluster;
mod kafka_security;

mod nats_client;

mod nats_cluster;
mod nats_config;
mod nats_server;
mod nats_tls;

mod proxy;
mod wait;

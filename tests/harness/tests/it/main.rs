//! The harness, with real servers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests say what went wrong by panicking, in their helpers too"
)]

mod nats_client;

mod nats_cluster;
mod nats_config;
mod nats_server;
mod nats_tls;

mod proxy;
mod wait;

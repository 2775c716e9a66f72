//! The harness, with real servers.

mod nats_server;

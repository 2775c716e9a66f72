//! The gates, over real git repositories, and the brokers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests say what went wrong by panicking, in their helpers too"
)]

mod brokers;
mod compiled_gate;
mod history;
mod repository;

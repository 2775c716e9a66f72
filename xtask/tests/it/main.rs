//! The gates, on real git repositories and small workspaces; the prerequisites; the brokers.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panics")]

mod api;
mod brokers;
mod catalogue;
mod compiled_gate;
mod deny;
mod history;
mod pipes;
#[cfg(unix)]
mod prerequisites;
mod release;
mod repository;
mod vendor;

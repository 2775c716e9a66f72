//! The gates, over real git repositories.

mod brokers;
mod compiled_gate;
mod history;
mod repository;

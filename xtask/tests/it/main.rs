//! The gates, over real git repositories.

mod compiled_gate;
mod history;
mod repository;

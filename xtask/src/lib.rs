//! The project's own commands, as a library, so that its tests can call the gates with data.
//!
//! Each command of `cargo xtask` is a module. No logic is in shell scripts: CI runs the same commands as a developer.

pub mod prerequisites;
pub mod selection;
pub mod steps;

pub mod cargo_steps;
pub mod rust_version;

pub mod catalogue;
pub mod circles;
pub mod contract;
pub mod deny;
pub mod deps;
pub mod schema;
pub mod vendor;
pub mod wasm;

pub mod api;
pub mod release;

pub mod bench;
pub mod brokers;
pub mod build_costs;
pub mod faults;
pub mod instructions;

pub mod cargo_tool;
pub mod cargo_tree;
pub mod command;
pub mod components;
pub mod examples;
pub mod generated;
pub mod git;
pub mod named_types;
pub mod nightly;
pub mod output;
pub mod stopwatch;
pub mod transport;
pub mod workspace;

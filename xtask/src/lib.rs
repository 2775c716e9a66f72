//! What the project runs on itself, as a library, so that its tests can call the gates with data.
//!
//! Each command of `cargo xtask` is a module. The logic is here and never in a shell script: a person runs in a
//! terminal what CI runs.

#![expect(clippy::print_stderr, reason = "commands tell their user what they do")]

pub mod steps;

pub mod rust_steps;
pub mod rust_version;

pub mod catalogue;
pub mod deps;
pub mod subjects;
pub mod vendor;

pub mod bench;
pub mod brokers;
pub mod faults;

pub mod command;
pub mod components;
pub mod git;
pub mod workspace;

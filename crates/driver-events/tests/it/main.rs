//! Sinks and sources of URLs, against real servers, and the examples.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by panics, and examples print"
)]

mod config;
mod files;
#[cfg(any(feature = "kafka", feature = "nats"))]
mod outage;
mod own_and_memory_sinks;
mod pipeline;
#[cfg(feature = "spool")]
mod spool;
mod support;
mod urls;

#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;

#[path = "../../examples/driver_loop.rs"]
#[allow(dead_code, reason = "the test calls `run`, not `main`")]
mod driver_loop;
#[path = "../../examples/from_config.rs"]
#[allow(dead_code, reason = "the test calls `run`, not `main`")]
mod from_config;
#[path = "../../examples/memory_sink.rs"]
#[allow(dead_code, reason = "the test calls the tests, not `main`")]
mod memory_sink;
#[cfg(feature = "conformance")]
#[path = "../../examples/own_sink.rs"]
#[allow(dead_code, reason = "the test calls the suite, not `main`")]
mod own_sink;
#[path = "../../examples/reader.rs"]
#[allow(dead_code, reason = "the test calls `read`, not `main`")]
mod reader;

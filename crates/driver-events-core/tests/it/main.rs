//! Tests of the sink trait, its decorators, the sources and the reader utilities.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

mod support;

mod attributes;
mod close_guard;
mod cloudevents;
mod compatibility;
mod envelope;
mod errors;

mod memory;
mod noop;

mod fan_out;
mod filter;
mod forwarding;
mod stamped;

mod delivery;
mod ndjson;

mod deduplicator;
mod sequence_tracker;

mod conformance;
mod faulty_sinks;

//! The sink trait, its decorators, and the helpers of readers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what went wrong by panicking, in their helpers too"
)]

mod support;

mod attributes;
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

mod broken_sinks;
mod conformance;

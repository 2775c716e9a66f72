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

mod best_effort;
mod buffered;
mod failing;
mod fan_out;
mod filter;
mod forwarding;
mod observed;
mod redact;
mod require;
mod retry;
mod stamped;
mod timeout;
mod trace_context;

mod delivery;
mod hostile;
mod ndjson;

mod deduplicator;
mod sequence_tracker;

mod conformance;
mod faulty_sinks;
mod source_conformance;

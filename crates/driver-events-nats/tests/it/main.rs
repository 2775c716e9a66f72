//! Core NATS and JetStream, against a real server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panics"
)]

mod conformance;
mod connecting;
mod contract;
mod credentials_file;
mod dead_letters;
mod faults;
mod flush;
mod foreign_messages;
mod jetstream_batches;
mod jetstream_consumers;
mod jetstream_contract;
mod jetstream_faults;
mod jetstream_lazy;
mod jetstream_limits;
mod jetstream_reading;
mod jetstream_reading_faults;
mod jetstream_refusals;
mod jetstream_settle;
mod jetstream_streams;
mod jetstream_support;
mod reading;
mod replaced_client;
mod source_conformance;
mod support;
mod unreadable;

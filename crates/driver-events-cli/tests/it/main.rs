//! Tests of the `driver-events` binary: output, diagnostics and exit codes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers report failures by panicking"
)]

#[cfg_attr(
    not(all(feature = "nats", feature = "kafka-tls")),
    allow(
        dead_code,
        reason = "some helpers are used only by tests of transports that are not compiled in"
    )
)]
mod support;

mod built_without;
mod damaged_lines;
mod demo;
#[cfg(unix)]
mod errors;
mod future_events;
mod ids;
mod publish;
#[cfg(all(unix, feature = "spool"))]
mod spool;

mod schema;
mod subjects;
mod tail;
mod targets;
mod usage;
mod validate;

#[cfg(unix)]
mod follow;
#[cfg(all(unix, feature = "kafka"))]
mod kafka;
#[cfg(all(unix, feature = "kafka-tls"))]
mod kafka_access;
#[cfg(all(unix, feature = "kafka"))]
mod kafka_broker;
#[cfg(all(unix, feature = "kafka"))]
mod kafka_faults;
#[cfg(all(unix, feature = "nats"))]
mod nats;
#[cfg(all(unix, feature = "nats"))]
mod nats_access;
#[cfg(unix)]
mod pipes;
#[cfg(unix)]
mod readme;
#[cfg(unix)]
mod rotation;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod streams;

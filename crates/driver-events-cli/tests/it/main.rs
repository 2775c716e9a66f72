//! The command as a shell sees it: what it prints, where, and how it ends.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking, in their helpers too"
)]

#[cfg_attr(
    not(all(feature = "nats", feature = "kafka-tls")),
    allow(dead_code, reason = "some of it is for servers that this build does not know")
)]
mod support;

mod built_without;
mod damaged_lines;
mod demo;
mod ids;
mod publish;

mod subjects;
mod tail;
mod targets;
mod usage;

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
mod signals;

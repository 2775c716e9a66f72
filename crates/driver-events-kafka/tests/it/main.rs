//! The sink and the source, against a real broker and, for what that cannot be made to do, librdkafka's mock.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panics")]

mod broken_producers;
mod changed_topics;
mod cluster;
mod conformance;
mod contract;
mod faults;
mod groups;
mod links;
mod members;
mod outages;
mod reading;
#[cfg(feature = "tls")]
mod security;
mod support;
mod topics;

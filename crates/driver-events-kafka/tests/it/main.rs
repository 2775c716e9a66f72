//! Tests of the sink and the source with real brokers, and with librdkafka's mock cluster for errors that a real broker
//! does not return on demand.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panics")]

mod broken_producers;
mod changed_topics;
mod cluster;
mod collecting;
mod conformance;
mod connection_faults;
mod contract;
mod dead_letters;
mod foreign_records;
mod group_protocol;
mod group_refusals;
mod member_processes;
mod missed_records;
mod outages;
mod reading;
mod refused_batches;
#[cfg(feature = "tls")]
mod security;
mod source_conformance;
mod support;
mod topics;
mod unreadable_batches;

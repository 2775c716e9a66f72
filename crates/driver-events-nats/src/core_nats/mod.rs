//! Core NATS: at most once, to whoever is listening.

mod barrier;
mod gate;
mod ledger;
mod sink;
mod sink_builder;

pub use sink::NatsEventSink;
pub use sink_builder::NatsEventSinkBuilder;

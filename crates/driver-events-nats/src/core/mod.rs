//! Core NATS: at-most-once delivery to current subscribers.

mod sink;
mod sink_builder;

mod source;
mod source_builder;

mod pluralize;
mod queue;
mod unflushed;

pub use sink::NatsEventSink;
pub use sink_builder::NatsEventSinkBuilder;
pub use source::NatsEventSource;
pub use source_builder::NatsEventSourceBuilder;

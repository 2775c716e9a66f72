//! The sink.

mod sink;
mod sink_builder;

mod attempt;
mod current_producer;
mod isolation;
mod producer_handle;
mod publisher;
mod suspects;

mod callbacks;
mod collecting;
mod poll_thread;
mod report_lease;

mod delivery_future;
mod errors;
mod in_flight;
mod queue_full;

pub use sink::KafkaEventSink;
pub use sink_builder::KafkaEventSinkBuilder;

//! Publishing to a stream: retries, pub acks, batches.

mod sink;
mod sink_builder;

mod batch;
mod publisher;

mod atomic_batch;
mod atomic_publish;
mod attempt_error;
mod pending_acks;
mod pub_ack;
mod retry_deadline;
mod stream_check;
mod stream_lookup;

pub use sink::JetStreamEventSink;
pub use sink_builder::JetStreamEventSinkBuilder;

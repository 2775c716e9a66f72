//! Publishing to and reading from a JetStream stream.

mod stream_settings;
mod stream_warning;

mod sink;
mod sink_builder;

mod source;
mod source_builder;

mod publisher;

mod ack_subject;
mod api;
mod atomic_batch;
mod batch;
mod consumer;
mod dead_letters;
mod outage;
mod pending_acks;
mod prefetch;
mod pub_ack;
mod pull_subscription;
mod retry_deadline;
mod settle;
mod stream_check;

pub use sink::JetStreamEventSink;
pub use sink_builder::JetStreamEventSinkBuilder;
pub use source::JetStreamEventSource;
pub use source_builder::JetStreamEventSourceBuilder;
pub use stream_settings::{EnsuredStream, StreamSettings, ensure_stream};
pub use stream_warning::StreamWarning;

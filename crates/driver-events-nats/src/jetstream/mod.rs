//! JetStream: stored, acknowledged, and read when there is time.

mod stream_settings;
mod stream_warning;

mod sink;
mod sink_builder;

mod source;
mod source_builder;

mod publisher;

mod ack;
mod acks;
mod api;
mod atomic;
mod batch;
mod consumer;
mod dead_letters;
mod patience;
mod place;
mod pulls;
mod stream_check;

pub use sink::JetStreamEventSink;
pub use sink_builder::JetStreamEventSinkBuilder;
pub use source::JetStreamEventSource;
pub use source_builder::JetStreamEventSourceBuilder;
pub use stream_settings::{EnsuredStream, StreamSettings, ensure_stream};
pub use stream_warning::StreamWarning;

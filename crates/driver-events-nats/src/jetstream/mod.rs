//! JetStream: stored, acknowledged, and read when there is time.

mod stream_settings;
mod stream_warning;

mod sink;
mod sink_builder;

mod publisher;

mod ack;
mod acks;
mod api;
mod atomic;
mod batch;
mod patience;
mod stream_check;

pub use sink::JetStreamEventSink;
pub use sink_builder::JetStreamEventSinkBuilder;
pub use stream_settings::{EnsuredStream, StreamSettings, ensure_stream};
pub use stream_warning::StreamWarning;

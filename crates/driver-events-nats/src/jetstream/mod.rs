//! Publishing to and reading from a JetStream stream.

mod publish;
mod read;
mod stream;

mod api;

pub use publish::{JetStreamEventSink, JetStreamEventSinkBuilder};
pub use read::{JetStreamEventSource, JetStreamEventSourceBuilder};
pub use stream::{EnsuredStream, StreamSettings, StreamWarning, ensure_stream};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::Buffered;
use super::buffer::Buffer;
use super::on_full::{DroppedEvent, OnDrop, OnFull};
use super::queue::Queue;
use super::worker::Worker;
use crate::setup_error::SetupError;
use crate::sink::DriverEventSink;

const DEFAULT_MAX_EVENTS: usize = 10_000;
const DEFAULT_MAX_BYTES: usize = 16 * 1024 * 1024;
const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// A year. A later deadline may exceed what an `Instant` can hold.
const MAX_CLOSE_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Settings of a [`Buffered`] sink.
#[must_use = "call `build`"]
pub struct BufferedBuilder<S> {
    inner: S,
    on_full: OnFull,
    max_events: usize,
    max_bytes: usize,
    close_timeout: Duration,
    on_drop: Option<Box<OnDrop>>,
}

impl<S: DriverEventSink> Buffered<S> {
    /// Starts to configure a buffer before `inner`.
    pub fn builder(inner: S, on_full: OnFull) -> BufferedBuilder<S> {
        BufferedBuilder {
            inner,
            on_full,
            max_events: DEFAULT_MAX_EVENTS,
            max_bytes: DEFAULT_MAX_BYTES,
            close_timeout: DEFAULT_CLOSE_TIMEOUT,
            on_drop: None,
        }
    }
}

impl<S: DriverEventSink> BufferedBuilder<S> {
    /// Sets the maximum number of events in the buffer, at least 1. Up to 1,024 more are in flight. Default: 10,000.
    pub fn max_events(mut self, events: usize) -> Self {
        self.max_events = events.max(1);
        self
    }

    /// Sets the maximum size of the buffered events' JSON in bytes. In memory an event takes about three times that. An
    /// event that is larger is [`TooLarge`](crate::SinkErrorKind::TooLarge). Default: 16 MiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the maximum time that [`close`](DriverEventSink::close) takes. What is not delivered then is dropped. At most
    /// a year. Default: 10 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout.min(MAX_CLOSE_TIMEOUT);
        self
    }

    /// Calls a function with each event that is dropped, in the task that drops it. It must be fast and not block. A panic
    /// is caught and logged. Default: only counters and `tracing`.
    pub fn on_drop(mut self, on_drop: impl Fn(DroppedEvent<'_>) + Send + Sync + 'static) -> Self {
        self.on_drop = Some(Box::new(on_drop));
        self
    }

    /// Starts the worker on the current tokio runtime, whose timer must be enabled.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid): there is no current runtime.
    pub fn build(self) -> Result<Buffered<S>, SetupError> {
        let runtime = Handle::try_current().map_err(|error| {
            SetupError::invalid("a buffered sink must be built within a tokio runtime").with_source(error)
        })?;
        let queue = Queue::new(self.max_events, self.max_bytes);
        let buffer = Arc::new(Buffer::new(self.inner.name(), queue, self.on_full, self.on_drop));
        let inner = Arc::new(self.inner);
        let worker = Worker {
            buffer: Arc::clone(&buffer),
            inner: Arc::clone(&inner),
            in_flight: Vec::new(),
        };
        Ok(Buffered {
            buffer,
            inner,
            on_full: self.on_full,
            max_bytes: self.max_bytes,
            close_timeout: self.close_timeout,
            worker: runtime.spawn(worker.run()).abort_handle(),
        })
    }
}

impl<S: fmt::Debug> fmt::Debug for BufferedBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedBuilder")
            .field("inner", &self.inner)
            .field("on_full", &self.on_full)
            .field("max_events", &self.max_events)
            .field("max_bytes", &self.max_bytes)
            .field("close_timeout", &self.close_timeout)
            .finish_non_exhaustive()
    }
}

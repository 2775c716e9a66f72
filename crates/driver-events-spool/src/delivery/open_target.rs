use std::future::pending;
use std::sync::Arc;

use driver_events_core::{DriverEventSink, SinkError};

use super::target::{Opening, Target};

/// A target and its sink.
pub(super) struct OpenTarget {
    target: Target,
    sink: SinkState,
}

enum SinkState {
    Closed,
    Opening(Opening),
    Open(Arc<dyn DriverEventSink>),
}

impl OpenTarget {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            sink: SinkState::Closed,
        }
    }

    /// Returns the sink if it is open.
    pub(super) fn sink(&self) -> Option<&Arc<dyn DriverEventSink>> {
        match &self.sink {
            SinkState::Open(sink) => Some(sink),
            SinkState::Closed | SinkState::Opening(_) => None,
        }
    }

    /// Starts to open the sink, unless it is open.
    pub(super) fn open(&mut self) {
        if let SinkState::Closed = self.sink {
            self.sink = SinkState::Opening(self.target.open());
        }
    }

    /// Waits until the sink that is being opened is open; for ever without one.
    ///
    /// # Errors
    /// It cannot be opened, and may be tried again.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn opened(&mut self) -> Result<(), SinkError> {
        let opened = match &mut self.sink {
            SinkState::Opening(opening) => opening.await,
            SinkState::Closed | SinkState::Open(_) => pending().await,
        };
        let (sink, result) = match opened {
            Ok(sink) => (SinkState::Open(sink), Ok(())),
            Err(error) => (SinkState::Closed, Err(error)),
        };
        self.sink = sink;
        result
    }

    /// Has this sink replaced if it is the open one, and if the target can open another: it is finished.
    pub(super) fn replace(&mut self, finished: &Arc<dyn DriverEventSink>) {
        let is_open = self.sink().is_some_and(|sink| Arc::ptr_eq(sink, finished));
        if is_open && self.target.is_replaceable() {
            self.sink = SinkState::Closed;
        }
    }

    pub(super) fn into_sink(self) -> Option<Arc<dyn DriverEventSink>> {
        match self.sink {
            SinkState::Open(sink) => Some(sink),
            SinkState::Closed | SinkState::Opening(_) => None,
        }
    }
}

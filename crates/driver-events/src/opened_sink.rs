use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::DriverEventSink;

/// Sink of a URL, and its properties. Clones share the sink.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenedSink {
    /// The sink. Call `close` before the process exits.
    pub sink: Arc<dyn DriverEventSink>,
    /// Settings of the stream or topic that its operator should know about. Empty if the checks
    /// [are later](crate::Options::check_later): they are logged then.
    pub warnings: Vec<String>,
    /// Maximum time during which the same envelope may be sent again and is stored once. [`Duration::MAX`]: no limit, or
    /// nothing prevents duplicates. Zero: a retry may store the event twice, or the limit is unknown since the checks
    /// [are later](crate::Options::check_later).
    pub longest_outage: Duration,
    /// Whether the sink keeps events after a failed `flush`, so that another `flush` sends them. Otherwise they may be lost,
    /// and the caller sends them again.
    pub retains_unflushed: bool,
    pub(crate) state: Arc<dyn SinkState>,
}

/// State of a sink that changes while it sends.
pub(crate) trait SinkState: fmt::Debug + Send + Sync {
    /// Returns the number of events that may be stored twice.
    fn possible_duplicates(&self) -> u64 {
        0
    }

    /// Returns the last error of the connection.
    fn last_error(&self) -> Option<String> {
        None
    }
}

/// Of a sink without a connection.
#[derive(Debug)]
struct NoState;

impl SinkState for NoState {}

impl OpenedSink {
    /// Creates a sink that retains unflushed events and whose caller stores nothing twice by retrying.
    pub(crate) fn new(sink: impl DriverEventSink) -> Self {
        Self {
            sink: Arc::new(sink),
            warnings: Vec::new(),
            longest_outage: Duration::MAX,
            retains_unflushed: true,
            state: Arc::new(NoState),
        }
    }

    /// Returns how many events the sink itself sent again without knowing whether they were stored, so that they may be
    /// stored twice. Only a Kafka sink that had to re-create its producer counts any.
    #[must_use]
    pub fn possible_duplicates(&self) -> u64 {
        self.state.possible_duplicates()
    }

    /// Returns why the sink waits or has failed, as of the last such event, for a log message. Kept after it has recovered.
    /// `None` for stdout and files.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.state.last_error()
    }
}

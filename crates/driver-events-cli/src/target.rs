use std::ffi::OsStr;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use driver_events::stdout::{Format, StdoutEventSink};
use driver_events::{DriverEventSink, OpenedSink, Options, Protocol, SinkUrl};

use crate::connection::ConnectionArguments;
use crate::file_id::FileId;
use crate::open_error::OpenError;

/// Timeout of one sink call. Short, because `publish` itself retries and handles signals in between.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Minimum duplicate window of a new stream.
const MIN_DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Where events are published.
#[derive(Clone, Debug)]
pub(crate) struct Target(SinkUrl);

/// Options of [`Target::open`].
#[derive(Clone, Debug)]
pub(crate) struct TargetOptions {
    pub(crate) connection: ConnectionArguments,
    /// Creates a missing stream.
    pub(crate) create_stream: bool,
    /// Creates missing topics.
    pub(crate) create_topic: bool,
    /// Maximum duration of an outage.
    pub(crate) timeout: Duration,
}

impl Target {
    pub(crate) fn parse(text: &OsStr) -> Result<Self, String> {
        SinkUrl::parse(text).map(Self).map_err(|error| error.to_string())
    }

    /// Returns the redacted URL without a trailing colon, as the prefix of a message.
    pub(crate) fn name(&self) -> String {
        self.0.to_string().trim_end_matches(':').to_owned()
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.0.protocol()
    }

    pub(crate) fn is_stdout(&self) -> bool {
        self.protocol() == Protocol::Stdout
    }

    /// Returns the identity of the file that is written, or `None` for other destinations.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        match self.0.path() {
            Some(path) => FileId::of_path(path),
            None if self.is_stdout() => FileId::of_stdout(),
            None => None,
        }
    }

    /// Creates the sink. Waits for the reader of a named pipe and for servers.
    pub(crate) async fn open(&self, options: &TargetOptions) -> Result<OpenedSink, OpenError> {
        let mut of_sink: Options = options.connection.options();
        of_sink.create_stream = options.create_stream;
        of_sink.create_topic = options.create_topic;
        of_sink.timeout = Some(self.call_timeout(options.timeout));
        // Longer than the retries.
        let window = options.timeout.saturating_add(Duration::from_secs(60));
        of_sink.duplicate_window = Some(window.max(MIN_DUPLICATE_WINDOW));
        Ok(self.0.open(&of_sink).await?)
    }

    /// Returns the timeout of one sink call. librdkafka retries for all of `timeout`, the maximum duration of an outage: an
    /// event that it gave up and that is sent again could be stored twice.
    pub(crate) fn call_timeout(&self, timeout: Duration) -> Duration {
        match self.protocol() {
            // A spool waits for its targets when it closes.
            Protocol::Kafka | Protocol::Spool => timeout.max(CALL_TIMEOUT),
            _ => CALL_TIMEOUT,
        }
    }
}

/// The redacted URL.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Creates a sink for standard output.
pub(crate) fn stdout_sink(format: Format) -> Arc<dyn DriverEventSink> {
    Arc::new(StdoutEventSink::builder().format(format).build_stdout())
}

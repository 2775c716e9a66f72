use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::DriverEventSink;
use driver_events_stdout::{Format, StdoutEventSink, WriterEventSink};

use crate::file_id::FileId;
use crate::open_error::OpenError;
use crate::remote::{self, ConnectionArguments, Protocol, RemoteTarget};
use crate::report::Report;
use crate::signals::Shutdown;
use crate::url::{Url, UrlError};
use crate::url_parser::redacted;

/// Timeout of one sink call. Short, because `publish` itself retries and handles signals in between.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Parsed target URL.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    url: String,
    destination: Destination,
    format: Format,
}

#[derive(Clone, Debug)]
enum Destination {
    Stdout,
    File(PathBuf),
    Remote(Arc<dyn RemoteTarget>),
}

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
    pub(crate) shutdown: Shutdown,
    pub(crate) report: Report,
}

/// Opened target: the sink and its properties.
pub(crate) struct OpenedTarget {
    pub(crate) sink: Arc<dyn DriverEventSink>,
    /// Whether the sink retains events after a failed flush, so that another flush retries them. Otherwise the failed
    /// flush reported them as possibly lost, and the caller has to send them again.
    pub(crate) retains_unflushed: bool,
    /// Longest outage after which a retry cannot store an event twice.
    pub(crate) max_outage: Duration,
    pub(crate) warnings: Vec<String>,
    /// Returns the number of events that may be stored twice.
    pub(crate) possible_duplicates: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl Target {
    pub(crate) fn parse(text: &OsStr) -> Result<Self, UrlError> {
        let url = Url::parse(text)?;
        let destination = match url.scheme.as_str() {
            "stdout" if url.path.is_empty() => Destination::Stdout,
            "stdout" => return Err(UrlError::new("`stdout:` takes no path")),
            "file" => Destination::File(url.file_path()?),
            _ => Destination::Remote(remote::target(&url)?),
        };
        let mut format = Format::Json;
        if !matches!(destination, Destination::Remote(_)) {
            url.take_parameters("`format`", |key, value| {
                if key == "format" {
                    let parsed = UrlError::required_value(key, value)?.parse();
                    format = parsed.map_err(|error| UrlError::new(format!("{error}")))?;
                }
                Ok(key == "format")
            })?;
        }
        Ok(Self {
            url: redacted(text),
            destination,
            format,
        })
    }

    /// Returns the redacted URL without a trailing colon, as the prefix of a message.
    pub(crate) fn name(&self) -> &str {
        self.url.trim_end_matches(':')
    }

    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self.destination, Destination::Stdout)
    }

    /// Returns the identity of the file that is written, or `None` for other destinations.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        match &self.destination {
            Destination::Stdout => FileId::of_stdout(),
            Destination::File(path) => FileId::of_path(path),
            Destination::Remote(_) => None,
        }
    }

    /// Creates the sink. Waits for the reader of a named pipe and for servers.
    pub(crate) async fn open(&self, options: &TargetOptions) -> Result<OpenedTarget, OpenError> {
        let opened = match &self.destination {
            Destination::Stdout => Ok(OpenedTarget::new(stdout_sink(self.format))),
            Destination::File(path) => open_file(path.clone(), self.format).await,
            Destination::Remote(remote) => remote.open(self.name(), options).await,
        };
        opened.map_err(|error| error.with_name(self))
    }

    /// Returns the protocol, or `None` if the target is not on a server.
    pub(crate) fn protocol(&self) -> Option<Protocol> {
        match &self.destination {
            Destination::Stdout | Destination::File(_) => None,
            Destination::Remote(remote) => Some(remote.protocol()),
        }
    }
}

impl OpenedTarget {
    /// Creates a target whose sink retains unflushed events and never stores an event twice.
    pub(crate) fn new(sink: Arc<dyn DriverEventSink>) -> Self {
        Self {
            sink,
            retains_unflushed: true,
            max_outage: Duration::MAX,
            warnings: Vec::new(),
            possible_duplicates: Box::new(|| 0),
        }
    }
}

async fn open_file(path: PathBuf, format: Format) -> Result<OpenedTarget, OpenError> {
    let open = move || WriterEventSink::builder().format(format).append_to(path);
    let sink = tokio::task::spawn_blocking(open).await.map_err(io::Error::from)??;
    Ok(OpenedTarget::new(Arc::new(sink)))
}

/// The redacted URL.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Creates a sink for standard output.
pub(crate) fn stdout_sink(format: Format) -> Arc<dyn DriverEventSink> {
    Arc::new(StdoutEventSink::builder().format(format).build_stdout())
}

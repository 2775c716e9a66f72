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
use crate::remote::{self, Connecting, Protocol, RemoteTarget};
use crate::report::Report;
use crate::signals::Stop;
use crate::url::{Url, UrlError};
use crate::url_parser::shown;

/// How long one call of a sink tries: it is `publish` that goes on trying, and hears signals meanwhile.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Where events are sent to: a URL, read.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    url: String,
    place: Place,
    format: Format,
}

#[derive(Clone, Debug)]
enum Place {
    Stdout,
    File(PathBuf),
    Remote(Arc<dyn RemoteTarget>),
}

/// What a target is opened with.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) connecting: Connecting,
    /// Makes a stream that is not there.
    pub(crate) create_stream: bool,
    /// Makes topics that are not there.
    pub(crate) create_topic: bool,
    /// How long a target may fail.
    pub(crate) timeout: Duration,
    /// Asks to give up soon.
    pub(crate) stop: Stop,
    pub(crate) report: Report,
}

/// A sink, and what to know of it.
pub(crate) struct Opened {
    pub(crate) sink: Arc<dyn DriverEventSink>,
    /// Whether the sink holds what it could not flush, and another flush tries again. One that does not has told of what
    /// may be lost, and knows it no more.
    pub(crate) holds_unflushed: bool,
    /// For how long it may fail before what is sent again could be stored twice.
    pub(crate) longest_outage: Duration,
    /// What the person should know of the target.
    pub(crate) warnings: Vec<String>,
    /// How many events may be stored twice by now.
    pub(crate) possible_duplicates: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl Target {
    pub(crate) fn parse(text: &OsStr) -> Result<Self, UrlError> {
        let url = Url::parse(text)?;
        let place = match url.scheme.as_str() {
            "stdout" if url.path.is_empty() => Place::Stdout,
            "stdout" => return Err(UrlError::new("`stdout:` takes no path")),
            "file" => Place::File(url.file_path()?),
            _ => Place::Remote(remote::target(&url)?),
        };
        let mut format = Format::Json;
        if !matches!(place, Place::Remote(_)) {
            url.take_parameters("only `format`", |key, value| {
                if key == "format" {
                    let parsed = UrlError::needs_value(key, value)?.parse();
                    format = parsed.map_err(|error| UrlError::new(format!("{error}")))?;
                }
                Ok(key == "format")
            })?;
        }
        Ok(Self {
            url: shown(text),
            place,
            format,
        })
    }

    /// The URL without a colon at its end, for texts that go on with one.
    pub(crate) fn name(&self) -> &str {
        self.url.trim_end_matches(':')
    }

    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self.place, Place::Stdout)
    }

    /// What is written to, where that is a file.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        match &self.place {
            Place::Stdout => FileId::of_stdout(),
            Place::File(path) => FileId::of_path(path),
            Place::Remote(_) => None,
        }
    }

    /// Makes the sink. It waits: for the reader of a named pipe, and for servers.
    pub(crate) async fn open(&self, opening: &Opening) -> Result<Opened, OpenError> {
        let opened = match &self.place {
            Place::Stdout => Ok(Opened::new(stdout_sink(self.format))),
            Place::File(path) => open_file(path.clone(), self.format).await,
            Place::Remote(remote) => remote.open(self.name(), opening).await,
        };
        opened.map_err(|error| error.naming(self))
    }

    /// How it is spoken with, where it is a server.
    pub(crate) fn protocol(&self) -> Option<Protocol> {
        match &self.place {
            Place::Stdout | Place::File(_) => None,
            Place::Remote(remote) => Some(remote.protocol()),
        }
    }
}

impl Opened {
    /// A sink that may fail for as long as it likes.
    pub(crate) fn new(sink: Arc<dyn DriverEventSink>) -> Self {
        Self {
            sink,
            holds_unflushed: true,
            longest_outage: Duration::MAX,
            warnings: Vec::new(),
            possible_duplicates: Box::new(|| 0),
        }
    }
}

async fn open_file(path: PathBuf, format: Format) -> Result<Opened, OpenError> {
    let open = move || WriterEventSink::builder().format(format).append_to(path);
    let sink = tokio::task::spawn_blocking(open).await.map_err(io::Error::from)??;
    Ok(Opened::new(Arc::new(sink)))
}

/// The URL as it was given, without a user.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Prints events on standard output.
pub(crate) fn stdout_sink(format: Format) -> Arc<dyn DriverEventSink> {
    Arc::new(StdoutEventSink::builder().format(format).build_stdout())
}

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::DriverEventSink;
use driver_events_nats::{JetStreamEventSink, NatsEventSink, SetupErrorKind};
use driver_events_stdout::{Format, StdoutEventSink, WriterEventSink};

use crate::file_id::FileId;
use crate::nats::{JetStreamAddress, NatsAddress, NatsArguments};
use crate::open_error::OpenError;
use crate::url::{Url, UrlError};
use crate::url_parser::shown;

/// How long one call of a sink tries: it is `publish` that goes on trying, and hears signals meanwhile.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

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
    Nats(NatsAddress),
    JetStream(JetStreamAddress),
}

/// What a target is opened with.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) nats: NatsArguments,
    /// Makes a stream that is not there.
    pub(crate) create_stream: bool,
    /// How long a target may fail.
    pub(crate) timeout: Duration,
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
}

impl Target {
    pub(crate) fn parse(text: &OsStr) -> Result<Self, UrlError> {
        let url = Url::parse(text)?;
        let mut place = match url.scheme.as_str() {
            "stdout" if url.path.is_empty() => Place::Stdout,
            "stdout" => return Err(UrlError::new("`stdout:` takes no path")),
            "file" => Place::File(url.file_path()?),
            "nats" | "tls" => match NatsAddress::parse(&url)? {
                (address, "") => Place::Nats(address),
                _ => return Err(NatsAddress::takes_no_path()),
            },
            "jetstream" => Place::JetStream(JetStreamAddress::parse(&url)?),
            scheme => {
                return Err(UrlError::new(format!(
                    "there is no target `{scheme}:`, but `stdout:`, `file:`, `nats:`, `tls:` and `jetstream:`"
                )));
            }
        };
        let mut format = Format::Json;
        for (key, value) in &url.parameters {
            let (is_taken, known) = match &mut place {
                Place::Stdout | Place::File(_) if *key == "format" => {
                    format = UrlError::needs_value(key, *value)?
                        .parse()
                        .map_err(|error| UrlError::new(format!("{error}")))?;
                    (true, "")
                }
                Place::Stdout | Place::File(_) => (false, "only `format`"),
                Place::Nats(address) => (address.take(key, *value)?, "but `prefix`, `bare`, `inbox` and `tls`"),
                Place::JetStream(_) if *key == "offset" => {
                    return Err(UrlError::new("`offset` is for reading"));
                }
                Place::JetStream(address) => (
                    address.take(key, *value)?,
                    "but `prefix`, `bare`, `domain`, `inbox` and `tls`",
                ),
            };
            if !is_taken {
                return Err(UrlError::new(format!("there is no parameter `{key}`, {known}")));
            }
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
            Place::Nats(_) | Place::JetStream(_) => None,
        }
    }

    /// Makes the sink. It waits: for the reader of a named pipe, and for servers.
    pub(crate) async fn open(&self, opening: &Opening) -> Result<Opened, OpenError> {
        let opened = match &self.place {
            Place::Stdout => Ok(Opened::local(stdout_sink(self.format))),
            Place::File(path) => open_file(path.clone(), self.format).await,
            Place::Nats(address) => open_nats(address, opening).await,
            Place::JetStream(address) => open_jetstream(address, opening).await,
        };
        opened.map_err(|error| error.naming(self))
    }

    /// Whether it is a stream, which may be made.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.place, Place::JetStream(_))
    }
}

impl Opened {
    fn local(sink: Arc<dyn DriverEventSink>) -> Self {
        Self {
            sink,
            holds_unflushed: true,
            longest_outage: Duration::MAX,
            warnings: Vec::new(),
        }
    }
}

async fn open_file(path: PathBuf, format: Format) -> Result<Opened, OpenError> {
    let open = move || WriterEventSink::builder().format(format).append_to(path);
    let sink = tokio::task::spawn_blocking(open).await.map_err(io::Error::from)??;
    Ok(Opened::local(Arc::new(sink)))
}

async fn open_nats(address: &NatsAddress, opening: &Opening) -> Result<Opened, OpenError> {
    let mut builder = NatsEventSink::builder()
        .options(opening.nats.options(address)?)
        .send_timeout(CALL_TIMEOUT)
        .flush_timeout(CALL_TIMEOUT);
    if let Some(prefix) = &address.prefix {
        builder = builder.prefix(prefix);
    }
    if address.bare {
        builder = builder.bare();
    }
    Ok(Opened {
        holds_unflushed: false,
        ..Opened::local(Arc::new(builder.build().await?))
    })
}

async fn open_jetstream(address: &JetStreamAddress, opening: &Opening) -> Result<Opened, OpenError> {
    let connection = opening.nats.options(&address.servers)?.connect().await?;
    let mut warnings = Vec::new();
    if opening.create_stream {
        let stream = connection.ensure_stream(&address.settings(opening.timeout)).await?;
        warnings.extend(stream.warnings.iter().map(ToString::to_string));
    }
    let mut builder = JetStreamEventSink::builder(&address.stream)
        .connection(connection)
        .retry_timeout(CALL_TIMEOUT);
    if let Some(prefix) = &address.servers.prefix {
        builder = builder.prefix(prefix);
    }
    if let Some(domain) = &address.domain {
        builder = builder.domain(domain);
    }
    if address.servers.bare {
        builder = builder.bare();
    }
    let sink = builder.build().await.map_err(|error| match error.kind() {
        SetupErrorKind::NoStream => OpenError::failed(format!(
            "the stream {:?} does not exist: correct its name, or make it with --create-stream",
            address.stream
        )),
        _ => error.into(),
    })?;
    if !opening.create_stream {
        warnings.extend(sink.warnings().iter().map(ToString::to_string));
    }
    // The sink itself tries for a while, before and after.
    let longest_outage = sink.duplicate_window().saturating_sub(3 * CALL_TIMEOUT);
    Ok(Opened {
        sink: Arc::new(sink),
        holds_unflushed: true,
        longest_outage,
        warnings,
    })
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

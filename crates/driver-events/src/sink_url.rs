use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::{SetupError, redacted_url};
use driver_events_stdout::{Format, StdoutEventSink};

use crate::open_error::OpenError;
use crate::opened_sink::OpenedSink;
use crate::options::Options;
use crate::protocol::Protocol;
use crate::transport::remote::RemoteSink;
#[cfg(feature = "spool")]
use crate::transport::remote::Target;
#[cfg(feature = "spool")]
use crate::transport::spool::SpoolAddress;
use crate::transport::{self, file};
use crate::url::{Url, UrlError};

/// Parsed URL of a sink.
///
/// | URL | parameters |
/// |---|---|
/// | `stdout:` | `format=json` (default), `cloudevents` or `pretty` |
/// | `file:PATH`, `file:///PATH`; `?` and `%` in the path are written as `%3F` and `%25` | as `stdout:`, but the default is CloudEvents, and bare JSON for an event without a subject |
/// | `nats://HOST:PORT`; `tls://` requires TLS | `prefix=TENANT`, `bare`, `tls`, `inbox=PREFIX` |
/// | `jetstream://HOST:PORT/STREAM` | as `nats:`, and `domain=NAME` |
/// | `spool:PATH`, `spool:///PATH`, with feature `spool` | `to=URL`, once for each target, with `%3F`, `%26` and `%40` for `?`, `&` and `@`; `durability=process` (default) or `power`; `retention=NUMBER` or `DURATION`; `max-bytes=NUMBER` |
/// | `kafka://HOST:PORT/TOPIC`; default topic: `agent.driver` | `prefix=TENANT`, `bare`, `tls`, `per-subject`, `acks=all` (default), `leader` or `none`. With [`create_topic`](Options::create_topic): `partitions=12`, `replication=3`, `min-insync=2`, `retention=7d` |
///
/// Several hosts of a cluster are separated by commas. For NATS, each may be a URL: `nats://h1,nats://h2`. NATS credentials,
/// `USER:PASSWORD@` or `TOKEN@`, may precede the first host or, all the same, each.
/// `bare` omits headers, and `inbox` is the prefix of reply subjects. Parameters are separated by `&`.
///
/// `Debug` and `Display` omit credentials.
#[derive(Clone, Debug)]
pub struct SinkUrl {
    /// Redacted.
    text: String,
    destination: Destination,
}

#[derive(Clone, Debug)]
enum Destination {
    Stdout(Format),
    File {
        path: PathBuf,
        format: Option<Format>,
    },
    Remote(Arc<dyn RemoteSink>),
    #[cfg(feature = "spool")]
    Spool(Arc<SpoolAddress>),
}

impl SinkUrl {
    /// Parses a URL. Only the path of a file may be invalid UTF-8.
    ///
    /// # Errors
    /// The URL is invalid, or needs a cargo feature that is not enabled. The error says which.
    pub fn parse(text: impl AsRef<OsStr>) -> Result<Self, UrlError> {
        let text = text.as_ref();
        let url = Url::parse(text)?;
        let destination = match url.scheme.as_str() {
            "stdout" if url.path.is_empty() => Destination::Stdout(format(&url)?.unwrap_or_default()),
            "stdout" => return Err(UrlError::new("`stdout:` takes no path")),
            "file" => Destination::File {
                path: url.file_path()?,
                format: format(&url)?,
            },
            #[cfg(feature = "spool")]
            "spool" => {
                let address = SpoolAddress::parse(&url, |target| Self::parse(target)?.into_target())?;
                return Ok(Self {
                    text: address.to_string(),
                    destination: Destination::Spool(Arc::new(address)),
                });
            }
            _ => Destination::Remote(transport::sink(&url)?),
        };
        Ok(Self {
            text: redacted_url(&text.to_string_lossy()).into_owned(),
            destination,
        })
    }

    /// Returns the URL as a target of a spool.
    #[cfg(feature = "spool")]
    pub(crate) fn into_target(self) -> Result<Target, UrlError> {
        match self.destination {
            Destination::Spool(_) => Err(UrlError::new("a spool cannot be the target of a spool")),
            destination => Ok(Target {
                name: self.text,
                sink: Arc::new(destination),
            }),
        }
    }

    /// Returns the transport.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.destination.protocol()
    }

    /// Returns the path of a `file:` URL.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.destination {
            Destination::File { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Opens the sink. Waits for servers, and for the reader of a named pipe.
    ///
    /// # Errors
    /// - [`Invalid`](crate::SetupErrorKind::Invalid): an option or an environment variable is invalid. Correct it.
    /// - [`NotFound`](crate::SetupErrorKind::NotFound): the stream, the topic or the folder of the file does not exist.
    /// - [`Unauthorized`](crate::SetupErrorKind::Unauthorized): the credentials are rejected, or a permission is missing.
    /// - [`Incompatible`](crate::SetupErrorKind::Incompatible): the stream or topic does not fit, or the path is no file.
    /// - [`Tls`](crate::SetupErrorKind::Tls): a certificate is not trusted.
    /// - [`Unreachable`](crate::SetupErrorKind::Unreachable): no server replied, or the operating system failed to open the
    ///   file. Retry with backoff.
    ///
    /// # Cancel safety
    /// As [`open_sink`](crate::open_sink).
    pub async fn open(&self, options: &Options) -> Result<OpenedSink, OpenError> {
        let opened = self.destination.open(options).await;
        opened.map_err(|error| OpenError::new(&self.text, error))
    }
}

#[async_trait]
impl RemoteSink for Destination {
    fn protocol(&self) -> Protocol {
        match self {
            Self::Stdout(_) => Protocol::Stdout,
            Self::File { .. } => Protocol::File,
            Self::Remote(remote) => remote.protocol(),
            #[cfg(feature = "spool")]
            Self::Spool(address) => address.protocol(),
        }
    }

    async fn open(&self, options: &Options) -> Result<OpenedSink, SetupError> {
        match self {
            Self::Stdout(format) => Ok(OpenedSink::new(
                StdoutEventSink::builder().format(*format).build_stdout(),
            )),
            Self::File { path, format } => file::open_sink(path.clone(), *format).await,
            Self::Remote(remote) => {
                options.check_timeout()?;
                remote.open(options).await
            }
            #[cfg(feature = "spool")]
            Self::Spool(address) => {
                options.check_timeout()?;
                address.open(options).await
            }
        }
    }
}

/// Returns the format of lines, if it is set.
fn format(url: &Url<'_>) -> Result<Option<Format>, UrlError> {
    let mut format = None;
    url.take_parameters("`format`", |key, value| {
        if key == "format" {
            format = Some(UrlError::parsed(key, value)?);
        }
        Ok(key == "format")
    })?;
    Ok(format)
}

impl FromStr for SinkUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The URL without user and password.
impl fmt::Display for SinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

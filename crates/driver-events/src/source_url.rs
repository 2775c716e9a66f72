use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use driver_events_core::{SetupError, redacted_url};

use crate::open_error::OpenError;
use crate::opened_source::OpenedSource;
use crate::options::Options;
use crate::protocol::Protocol;
use crate::transport::remote::RemoteSource;
#[cfg(feature = "spool")]
use crate::transport::spool;
use crate::transport::{self, file};
use crate::url::{Url, UrlError};

/// Parsed URL of a source.
///
/// | URL | parameters |
/// |---|---|
/// | `stdin:` | none |
/// | `file:PATH`, `file:///PATH`; `?` and `%` in the path are written as `%3F` and `%25` | none |
/// | `nats://HOST:PORT`; `tls://` requires TLS | `prefix=TENANT`, `tls`, `inbox=PREFIX` |
/// | `jetstream://HOST:PORT/STREAM` | as `nats:`, `domain=NAME`, and `offset`, which is a [`StartPosition`](crate::StartPosition) |
/// | `kafka://HOST:PORT/TOPIC`; default topic: `agent.driver` | `prefix=TENANT`, `tls`, `per-subject`, `offset` |
/// | `spool:PATH`, with feature `spool` | `follow`: waits for new events at the end |
///
/// Hosts and credentials are written as in a [`SinkUrl`](crate::SinkUrl). `Debug` and `Display` omit credentials.
#[derive(Clone, Debug)]
pub struct SourceUrl {
    /// Redacted.
    text: String,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    Stdin,
    File(PathBuf),
    Remote(Arc<dyn RemoteSource>),
    #[cfg(feature = "spool")]
    Spool {
        path: PathBuf,
        follows: bool,
    },
}

impl SourceUrl {
    /// Parses a URL. Only the path of a file may be invalid UTF-8.
    ///
    /// # Errors
    /// The URL is invalid, or needs a cargo feature that is not enabled. The error says which.
    pub fn parse(text: impl AsRef<OsStr>) -> Result<Self, UrlError> {
        let text = text.as_ref();
        let url = Url::parse(text)?;
        let origin = match url.scheme.as_str() {
            "stdin" if url.path.is_empty() => Origin::Stdin,
            "stdin" => return Err(UrlError::new("`stdin:` takes no path")),
            "file" => Origin::File(url.file_path()?),
            #[cfg(feature = "spool")]
            "spool" => Origin::Spool {
                path: url.file_path()?,
                follows: spool::follows(&url)?,
            },
            _ => Origin::Remote(transport::source(&url)?),
        };
        if let (Origin::Stdin | Origin::File(_), Some((key, _))) = (&origin, url.parameters.first()) {
            return Err(UrlError::new(format!("unknown parameter `{key}`: a source takes none")));
        }
        Ok(Self {
            text: redacted_url(&text.to_string_lossy()).into_owned(),
            origin,
        })
    }

    /// Returns the source of standard input.
    #[must_use]
    pub fn stdin() -> Self {
        Self {
            text: "stdin:".to_owned(),
            origin: Origin::Stdin,
        }
    }

    /// Returns the source of a file. The path is taken as it is, without the encoding of a URL. `Display` and errors show it.
    #[must_use]
    pub fn from_path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            text: path.to_string_lossy().into_owned(),
            origin: Origin::File(path),
        }
    }

    /// Returns the URL of a source that waits for new events at its end. Of a `spool:` URL only: a file needs a reader that knows
    /// its rotation, and servers are always followed.
    #[must_use]
    pub fn following(self) -> Self {
        match self.origin {
            #[cfg(feature = "spool")]
            Origin::Spool { path, .. } => Self {
                text: self.text,
                origin: Origin::Spool { path, follows: true },
            },
            origin => Self { origin, ..self },
        }
    }

    /// Returns the transport.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match &self.origin {
            Origin::Stdin => Protocol::Stdin,
            Origin::File(_) => Protocol::File,
            Origin::Remote(remote) => remote.protocol(),
            #[cfg(feature = "spool")]
            Origin::Spool { .. } => Protocol::Spool,
        }
    }

    /// Returns the path of a `file:` URL.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            _ => None,
        }
    }

    /// Checks that the options apply to the URL, without opening anything.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid): an option does not apply.
    pub fn check(&self, options: &Options) -> Result<(), OpenError> {
        let protocol = self.protocol();
        let is_stored = matches!(protocol, Protocol::JetStream | Protocol::Kafka);
        let has_start = matches!(&self.origin, Origin::Remote(remote) if remote.has_start());
        let conflicts = [
            (
                options.since.is_some() && !is_stored,
                "option `since` requires a `jetstream:` or `kafka:` URL",
            ),
            (
                options.durable.is_some() && protocol != Protocol::JetStream,
                "option `durable` requires a `jetstream:` URL; use `group` for `kafka:`",
            ),
            (
                options.group.is_some() && protocol != Protocol::Kafka,
                "option `group` requires a `kafka:` URL; use `durable` for `jetstream:`",
            ),
            (
                options.dead_letters.is_some() && options.group.is_none() && options.durable.is_none(),
                "option `dead-letters` requires `group` or `durable`",
            ),
            (
                options.since.is_some() && has_start,
                "option `since` conflicts with the parameter `offset`: remove one",
            ),
        ];
        match conflicts.into_iter().find(|(is_conflict, _)| *is_conflict) {
            Some((_, message)) => Err(OpenError::new(&self.text, SetupError::invalid(message))),
            None => Ok(()),
        }
    }

    /// Opens the source. Waits for servers, and for the writer of a named pipe.
    ///
    /// # Errors
    /// - [`Invalid`](crate::SetupErrorKind::Invalid): an option or an environment variable is invalid or does
    ///   [not apply](Self::check). Correct it.
    /// - [`NotFound`](crate::SetupErrorKind::NotFound): the file, stream or topic does not exist.
    /// - [`Unauthorized`](crate::SetupErrorKind::Unauthorized): the credentials are rejected, or a permission is missing.
    /// - [`Incompatible`](crate::SetupErrorKind::Incompatible): the stream, topic or durable consumer does not fit.
    /// - [`Tls`](crate::SetupErrorKind::Tls): a certificate is not trusted.
    /// - [`Unreachable`](crate::SetupErrorKind::Unreachable): no server replied, or the operating system failed to open the
    ///   file. Retry with backoff.
    ///
    /// # Cancel safety
    /// As [`open_source`](crate::open_source).
    pub async fn open(&self, options: &Options) -> Result<OpenedSource, OpenError> {
        self.check(options)?;
        let opened = match &self.origin {
            Origin::Stdin => Ok(file::stdin(options)),
            Origin::File(path) => file::open_source(path, options).await,
            Origin::Remote(remote) => remote.open(options).await,
            #[cfg(feature = "spool")]
            Origin::Spool { path, follows } => spool::open_source(path, *follows, options).await,
        };
        opened.map_err(|error| OpenError::new(&self.text, error))
    }
}

impl FromStr for SourceUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The URL without user and password.
impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

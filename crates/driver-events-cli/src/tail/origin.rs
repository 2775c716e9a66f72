use std::borrow::Cow;
use std::ffi::OsStr;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{Delivery, DriverEventSource, EventFilter, SourceError};
use driver_events_nats::{JetStreamEventSource, NatsEventSource};
use tokio::time::timeout;

use super::follow::FollowedFile;
use crate::file_id::FileId;
use crate::input::Input;
use crate::nats::{JetStreamAddress, NatsAddress, NatsArguments, Start};
use crate::open_error::OpenError;
use crate::report::{Report, with_causes};
use crate::url::{Url, UrlError};
use crate::url_parser::shown;

/// How long the last answers may take.
const CLOSING: Duration = Duration::from_secs(2);

/// Where events are read from: `-` or a URL, read.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    Lines(Input),
    Nats { url: String, address: NatsAddress },
    JetStream { url: String, address: JetStreamAddress },
}

/// How to read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) follow: bool,
    pub(super) since: Option<Start>,
    pub(super) durable: Option<String>,
    pub(super) filter: EventFilter,
    pub(super) nats: NatsArguments,
}

/// What is being read.
#[derive(Debug)]
pub(super) enum Source {
    Lines(Box<dyn DriverEventSource>),
    Nats(Box<NatsEventSource>),
    JetStream(Box<JetStreamEventSource>),
}

impl Origin {
    pub(super) fn parse(text: &OsStr) -> Result<Self, UrlError> {
        if text == "-" {
            return Input::from_url(text).map(Self::Lines);
        }
        let url = Url::parse(text)?;
        let unknown = |key: &str, known: &str| UrlError::new(format!("there is no parameter `{key}`, but {known}"));
        match url.scheme.as_str() {
            "nats" | "tls" => {
                let (mut address, path) = NatsAddress::parse(&url)?;
                if !path.is_empty() {
                    return Err(NatsAddress::takes_no_path());
                }
                for (key, value) in &url.parameters {
                    if *key == "bare" || !address.take(key, *value)? {
                        return Err(unknown(key, "`prefix`, `inbox` and `tls`"));
                    }
                }
                Ok(Self::Nats {
                    url: shown(text),
                    address,
                })
            }
            "jetstream" => {
                let mut address = JetStreamAddress::parse(&url)?;
                for (key, value) in &url.parameters {
                    if *key == "bare" || !address.take(key, *value)? {
                        return Err(unknown(key, "`prefix`, `offset`, `domain`, `inbox` and `tls`"));
                    }
                }
                Ok(Self::JetStream {
                    url: shown(text),
                    address,
                })
            }
            "file" => Input::from_url(text).map(Self::Lines),
            _ => Err(UrlError::new(
                "it is neither `-` nor a `file:`, `nats:`, `tls:` or `jetstream:` URL",
            )),
        }
    }

    /// What is told of it.
    pub(super) fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Lines(input) => input.name(),
            Self::Nats { url, .. } | Self::JetStream { url, .. } => Cow::Borrowed(url),
        }
    }

    /// What to tell the person where the options do not fit, or what is read is written too.
    pub(super) fn check(&self, reading: &Reading) -> Result<(), String> {
        let is_stream = matches!(self, Self::JetStream { .. });
        let is_lines = matches!(self, Self::Lines(_));
        let sets_offset = matches!(self, Self::JetStream { address, .. } if address.start.is_some());
        match self {
            Self::Lines(input) if input.file_id().is_some_and(|id| Some(id) == FileId::of_stdout()) => {
                Err(input.read_and_written())
            }
            _ if reading.since.is_some() && !is_stream => Err("--since is for a `jetstream:` source".into()),
            _ if reading.durable.is_some() && !is_stream => Err("--durable is for a `jetstream:` source".into()),
            _ if reading.follow && !is_lines => {
                Err("--follow is for a file: what a server has is always followed".into())
            }
            _ if reading.since.is_some() && sets_offset => Err("--since and `offset` say both where to begin".into()),
            _ => Ok(()),
        }
    }

    pub(super) async fn open(&self, reading: &Reading, report: &Report) -> Result<Source, OpenError> {
        let opened = match self {
            Self::Lines(input) => open_lines(input, reading, report).await,
            Self::Nats { address, .. } => open_nats(address, reading).await,
            Self::JetStream { address, .. } => open_jetstream(address, reading).await,
        };
        opened.map_err(|error| error.naming(self.name()))
    }
}

async fn open_lines(input: &Input, reading: &Reading, report: &Report) -> Result<Source, OpenError> {
    Ok(Source::Lines(match input {
        Input::File(path) if reading.follow => Box::new(FollowedFile::open(path.clone(), report.clone()).await?),
        _ => Box::new(input.open().await?),
    }))
}

async fn open_nats(address: &NatsAddress, reading: &Reading) -> Result<Source, OpenError> {
    let mut builder = NatsEventSource::builder()
        .options(reading.nats.options(address)?)
        .filter(reading.filter.clone());
    if let Some(prefix) = &address.prefix {
        builder = builder.prefix(prefix);
    }
    Ok(Source::Nats(Box::new(builder.build().await?)))
}

async fn open_jetstream(address: &JetStreamAddress, reading: &Reading) -> Result<Source, OpenError> {
    let mut builder = JetStreamEventSource::builder(&address.stream)
        .options(reading.nats.options(&address.servers)?)
        .filter(reading.filter.clone());
    if let Some(prefix) = &address.servers.prefix {
        builder = builder.prefix(prefix);
    }
    if let Some(domain) = &address.domain {
        builder = builder.domain(domain);
    }
    if let Some(name) = &reading.durable {
        builder = builder.durable(name);
    }
    if let Some(start) = reading.since.or(address.start) {
        builder = start.of(builder);
    }
    Ok(Source::JetStream(Box::new(builder.build().await?)))
}

impl Source {
    /// Whether it goes on by itself after an error that passes. A file does not.
    pub(super) fn goes_on(&self) -> bool {
        !matches!(self, Self::Lines(_))
    }

    /// Gives back what was not printed, and waits a little until the server has all answers.
    pub(super) async fn close(self, report: &Report) {
        let Self::JetStream(source) = self else { return };
        match timeout(CLOSING, source.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => report.warning(with_causes(&error)),
            Err(_) => report.warning("the last answers may not have arrived, and what they are for may come again"),
        }
    }
}

#[async_trait]
impl DriverEventSource for Source {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        match self {
            Self::Lines(source) => source.next().await,
            Self::Nats(source) => source.next().await,
            Self::JetStream(source) => source.next().await,
        }
    }
}

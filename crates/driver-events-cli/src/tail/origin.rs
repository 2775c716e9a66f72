use std::borrow::Cow;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{Delivery, DriverEventSource, SourceError};
use tokio::time::timeout;

use super::Reading;
use super::follow::FollowedFile;
use crate::file_id::FileId;
use crate::input::Input;
use crate::open_error::OpenError;
use crate::remote::{self, Protocol, RemoteOrigin, RemoteSource};
use crate::report::{Report, with_causes};
use crate::url::{Url, UrlError};
use crate::url_parser::shown;

/// How long the last answers may take.
const CLOSING: Duration = Duration::from_secs(2);

/// Where events are read from: `-` or a URL, read.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    Lines(Input),
    Remote { url: String, remote: Arc<dyn RemoteOrigin> },
}

/// What is being read.
#[derive(Debug)]
pub(super) enum Source {
    Lines(Box<dyn DriverEventSource>),
    Remote(Box<dyn RemoteSource>),
}

impl Origin {
    pub(super) fn parse(text: &OsStr) -> Result<Self, UrlError> {
        if text == "-" {
            return Input::from_url(text).map(Self::Lines);
        }
        let url = Url::parse(text)?;
        if url.scheme == "file" {
            return Input::from_url(text).map(Self::Lines);
        }
        Ok(Self::Remote {
            remote: remote::origin(&url)?,
            url: shown(text),
        })
    }

    /// What is told of it.
    pub(super) fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Lines(input) => input.name(),
            Self::Remote { url, .. } => Cow::Borrowed(url),
        }
    }

    /// What to tell the person where the options do not fit, or what is read is written too.
    pub(super) fn check(&self, reading: &Reading) -> Result<(), String> {
        let remote = match self {
            Self::Lines(input) if input.file_id().is_some_and(|id| Some(id) == FileId::of_stdout()) => {
                return Err(input.read_and_written());
            }
            Self::Lines(_) => None,
            Self::Remote { remote, .. } => Some(remote),
        };
        let protocol = remote.map(|remote| remote.protocol());
        let has_start = remote.is_some_and(|remote| remote.has_start());
        let is_stored = matches!(protocol, Some(Protocol::JetStream | Protocol::Kafka));
        let is_kafka = protocol == Some(Protocol::Kafka);
        let faults = [
            (
                reading.since.is_some() && !is_stored,
                "--since is for a `jetstream:` or a `kafka:` source",
            ),
            (
                reading.durable.is_some() && protocol != Some(Protocol::JetStream),
                "--durable is for a `jetstream:` source; one of `kafka:` has a --group",
            ),
            (
                reading.group.is_some() && !is_kafka,
                "--group is for a `kafka:` source; one of `jetstream:` has a --durable",
            ),
            (
                reading.dead_letters.is_some() && reading.group.is_none(),
                "--dead-letters is for a `kafka:` source with a --group",
            ),
            (
                reading.follow && remote.is_some(),
                "--follow is for a file: what a server has is always followed",
            ),
            (
                reading.since.is_some() && has_start,
                "--since and `offset` say both where to begin",
            ),
        ];
        match faults.into_iter().find(|(is_there, _)| *is_there) {
            Some((_, fault)) => Err(fault.to_owned()),
            None => Ok(()),
        }
    }

    pub(super) async fn open(&self, reading: &Reading, report: &Report) -> Result<Source, OpenError> {
        let opened = match self {
            Self::Lines(input) => open_lines(input, reading, report).await,
            Self::Remote { remote, .. } => remote.open(reading).await.map(Source::Remote),
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

impl Source {
    /// Whether it goes on by itself after an error that passes. A file does not.
    pub(super) fn goes_on(&self) -> bool {
        !matches!(self, Self::Lines(_))
    }

    /// Gives back what was not printed, and waits a little until the server has all answers.
    pub(super) async fn close(self, report: &Report) {
        let Self::Remote(source) = self else { return };
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
            Self::Remote(source) => source.next().await,
        }
    }
}

use std::borrow::Cow;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::DriverEventSource;
use tokio::time::timeout;

use super::ReadOptions;
use super::follow::FollowedFile;
use crate::file_id::FileId;
use crate::input::Input;
use crate::open_error::OpenError;
use crate::remote::{self, Protocol, RemoteSourceUrl};
use crate::report::{Report, with_causes};
use crate::url::{Url, UrlError};
use crate::url_parser::redacted;

/// Timeout of sending the last acks.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Parsed source URL, or `-`.
#[derive(Clone, Debug)]
pub(super) enum SourceUrl {
    Lines(Input),
    Remote {
        url: String,
        remote: Arc<dyn RemoteSourceUrl>,
    },
}

impl SourceUrl {
    pub(super) fn parse(text: &OsStr) -> Result<Self, UrlError> {
        if text == "-" {
            return Input::from_url(text).map(Self::Lines);
        }
        let url = Url::parse(text)?;
        if url.scheme == "file" {
            return Input::from_url(text).map(Self::Lines);
        }
        Ok(Self::Remote {
            remote: remote::source_url(&url)?,
            url: redacted(text),
        })
    }

    /// Returns the name for messages.
    pub(super) fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Lines(input) => input.name(),
            Self::Remote { url, .. } => Cow::Borrowed(url),
        }
    }

    /// Returns an error if the options do not fit the source, or if the source is also written to.
    pub(super) fn check(&self, options: &ReadOptions) -> Result<(), String> {
        let remote = match self {
            Self::Lines(input) if input.file_id().is_some_and(|id| Some(id) == FileId::of_stdout()) => {
                return Err(input.feedback_error());
            }
            Self::Lines(_) => None,
            Self::Remote { remote, .. } => Some(remote),
        };
        let protocol = remote.map(|remote| remote.protocol());
        let has_start = remote.is_some_and(|remote| remote.has_start());
        let is_stored = matches!(protocol, Some(Protocol::JetStream | Protocol::Kafka));
        let is_kafka = protocol == Some(Protocol::Kafka);
        let conflicts = [
            (
                options.since.is_some() && !is_stored,
                "--since requires a `jetstream:` or `kafka:` source",
            ),
            (
                options.durable.is_some() && protocol != Some(Protocol::JetStream),
                "--durable requires a `jetstream:` source; use --group for `kafka:`",
            ),
            (
                options.group.is_some() && !is_kafka,
                "--group requires a `kafka:` source; use --durable for `jetstream:`",
            ),
            (
                options.dead_letters.is_some() && options.group.is_none(),
                "--dead-letters requires a `kafka:` source with --group",
            ),
            (
                options.follow && remote.is_some(),
                "--follow requires a file; a server is always followed",
            ),
            (
                options.since.is_some() && has_start,
                "--since conflicts with the parameter `offset`: remove one",
            ),
        ];
        match conflicts.into_iter().find(|(is_conflict, _)| *is_conflict) {
            Some((_, message)) => Err(message.to_owned()),
            None => Ok(()),
        }
    }

    /// Returns whether the source recovers from retryable errors. A file does not.
    pub(super) fn recovers(&self) -> bool {
        matches!(self, Self::Remote { .. })
    }

    pub(super) async fn open(
        &self,
        options: &ReadOptions,
        report: &Report,
    ) -> Result<Box<dyn DriverEventSource>, OpenError> {
        let opened = match self {
            Self::Lines(input) => open_lines(input, options, report).await,
            Self::Remote { remote, .. } => remote.open(options).await,
        };
        opened.map_err(|error| error.with_name(self.name()))
    }
}

async fn open_lines(
    input: &Input,
    options: &ReadOptions,
    report: &Report,
) -> Result<Box<dyn DriverEventSource>, OpenError> {
    Ok(match input {
        Input::File(path) if options.follow => Box::new(FollowedFile::open(path.clone(), report.clone()).await?),
        _ => Box::new(input.open().await?),
    })
}

/// Releases deliveries that were not printed and waits, within a timeout, until the server has received all acks.
pub(super) async fn close(mut source: Box<dyn DriverEventSource>, report: &Report) {
    match timeout(CLOSE_TIMEOUT, source.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.warning(with_causes(&error)),
        Err(_) => report.warning("acks may be lost: some printed events may be redelivered"),
    }
}

//! An outbox on disk, in front of other sinks.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{Observed, SetupError};
use driver_events_spool::{Durability, Retention, SpoolEventSource, SpooledSink};

use super::remote::{RemoteSink, Target};
use crate::opened_sink::{OpenedSink, SinkState};
use crate::opened_source::OpenedSource;
use crate::options::Options;
use crate::protocol::Protocol;
use crate::url::{Url, UrlError};

/// Settings of a spool. What is not set has the default of the spool.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpoolSettings {
    pub(crate) path: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) retention: Retention,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) close_timeout: Option<Duration>,
    /// Whether the targets' sinks are observed.
    pub(crate) is_observed: bool,
}

/// Parsed URL of a spool.
#[derive(Debug)]
pub(crate) struct SpoolAddress {
    settings: SpoolSettings,
    targets: Vec<Target>,
}

impl SpoolAddress {
    /// Parses a `spool:` URL. `parse` parses the URL of a target.
    pub(crate) fn parse(url: &Url<'_>, parse: impl Fn(&str) -> Result<Target, UrlError>) -> Result<Self, UrlError> {
        let mut settings = SpoolSettings {
            path: url.file_path()?,
            ..SpoolSettings::default()
        };
        let mut targets = Vec::new();
        let expected = "`to`, `durability`, `retention` or `max-bytes`";
        url.take_parameters(expected, |key, value| {
            match key {
                "to" => targets.push(parse(&UrlError::decoded(key, value)?)?),
                "durability" => settings.durability = UrlError::parsed(key, value)?,
                "retention" => settings.retention = retention(UrlError::required_value(key, value)?)?,
                "max-bytes" => settings.max_bytes = Some(UrlError::parsed(key, value)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if targets.is_empty() {
            return Err(UrlError::new("missing parameter `to`: the URL of a target"));
        }
        Ok(Self { settings, targets })
    }
}

/// Parses a number of events or a duration.
pub(crate) fn retention(text: &str) -> Result<Retention, UrlError> {
    if let Ok(count) = text.parse() {
        return Ok(Retention::Count(count));
    }
    let invalid = |error| {
        let message = format!("`retention`: {error}: write a number of events or a duration such as `7d`");
        UrlError::new(message)
    };
    humantime::parse_duration(text).map(Retention::Age).map_err(invalid)
}

/// Returns whether the source of a `spool:` URL waits at the end.
pub(crate) fn follows(url: &Url<'_>) -> Result<bool, UrlError> {
    let mut follows = false;
    url.take_parameters("`follow`", |key, value| {
        if key == "follow" {
            follows = UrlError::boolean(key, value)?;
        }
        Ok(key == "follow")
    })?;
    Ok(follows)
}

/// Opens the source of a spool's file.
pub(crate) async fn open_source(path: &Path, follows: bool, options: &Options) -> Result<OpenedSource, SetupError> {
    let source = SpoolEventSource::open(path).await?.with_filter(options.filter());
    Ok(OpenedSource::new(if follows { source.following() } else { source }))
}

/// Opens the spool. The sinks of the targets are opened later, with these options.
pub(crate) async fn open(
    settings: &SpoolSettings,
    targets: &[Target],
    options: &Options,
) -> Result<Arc<SpooledSink>, SetupError> {
    let mut builder = SpooledSink::builder(&settings.path)
        .durability(settings.durability)
        .retention(settings.retention);
    if let Some(max_bytes) = settings.max_bytes {
        builder = builder.max_bytes(max_bytes);
    }
    if let Some(close_timeout) = settings.close_timeout.or(options.timeout) {
        builder = builder.close_timeout(close_timeout);
    }
    let options = Arc::new(options.clone());
    for Target { name, sink } in targets {
        let (sink, options, is_observed) = (Arc::clone(sink), Arc::clone(&options), settings.is_observed);
        builder = builder.deliver_to_opened(name.as_str(), move || {
            let (sink, options) = (Arc::clone(&sink), Arc::clone(&options));
            async move {
                let opened = sink.open(&options).await?;
                for warning in &opened.warnings {
                    tracing::warn!(warning, "target of the spool");
                }
                Ok::<_, SetupError>(match is_observed {
                    true => Arc::new(Observed::new(opened.sink)),
                    false => opened.sink,
                })
            }
        });
    }
    builder.open().await.map(Arc::new)
}

#[async_trait]
impl RemoteSink for SpoolAddress {
    fn protocol(&self) -> Protocol {
        Protocol::Spool
    }

    async fn open(&self, options: &Options) -> Result<OpenedSink, SetupError> {
        let spool = open(&self.settings, &self.targets, options).await?;
        let set_aside = spool.health().set_aside;
        let warnings = set_aside.iter().map(|path| {
            let path = path.display();
            format!("the file was damaged and is now {path}: it may hold events that were not delivered")
        });
        Ok(OpenedSink {
            warnings: warnings.collect(),
            state: Arc::new(SpoolState(Arc::clone(&spool))),
            ..OpenedSink::new(spool)
        })
    }
}

/// The URL with those of the targets, without their users and passwords.
impl fmt::Display for SpoolAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spool:{}", self.settings.path.display())?;
        for (index, target) in self.targets.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write!(f, "{separator}to={}", target.name)?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct SpoolState(Arc<SpooledSink>);

impl SinkState for SpoolState {
    fn last_error(&self) -> Option<String> {
        let targets = self.0.health().targets;
        let errors: Vec<_> = targets
            .into_iter()
            .filter_map(|target| Some(format!("`{}`: {}", target.name, target.last_error?)))
            .collect();
        (!errors.is_empty()).then(|| errors.join("; "))
    }
}

use std::path::PathBuf;
use std::time::Duration;

use driver_events_core::{OnFull, Redaction};
use serde::{Deserialize, Deserializer, de};

use super::builder::Pipeline;
#[cfg(feature = "spool")]
use super::builder::Queue;
use crate::options::{Options, duration};

/// Keys of a [`Pipeline`] in a configuration file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    source: String,
    #[serde(default)]
    redact: Preset,
    spool: Option<PathBuf>,
    durability: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    retention: Option<String>,
    max_bytes: Option<u64>,
    buffer: Option<Full>,
    to: Vec<String>,
    #[serde(default, deserialize_with = "duration")]
    close_timeout: Option<Duration>,
    #[serde(default)]
    options: Options,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Preset {
    #[default]
    None,
    MetadataOnly,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Full {
    Wait,
    DropNewest,
    DropOldest,
}

/// Reads a number that is written with or without quotes.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        Text(String),
        Number(u64),
    }

    let value = Option::<Value>::deserialize(deserializer)?;
    Ok(value.map(|value| match value {
        Value::Text(text) => text,
        Value::Number(number) => number.to_string(),
    }))
}

/// For the keys, see [`Pipeline`].
impl<'de> Deserialize<'de> for Pipeline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Config::deserialize(deserializer)?.pipeline().map_err(de::Error::custom)
    }
}

impl Config {
    fn pipeline(self) -> Result<Pipeline, String> {
        let redaction = match self.redact {
            Preset::None => Redaction::none(),
            Preset::MetadataOnly => Redaction::metadata_only(),
        };
        let mut pipeline = Pipeline::new(self.source).redact(redaction).options(self.options);
        pipeline.targets = self.to;
        pipeline.max_bytes = self.max_bytes;
        if let Some(timeout) = self.close_timeout {
            pipeline.close_timeout = timeout;
        }
        if self.spool.is_none() && (self.durability.is_some() || self.retention.is_some()) {
            return Err("`durability` and `retention` require `spool`".to_owned());
        }
        match (self.spool, self.buffer) {
            (Some(_), Some(_)) => Err("`spool` and `buffer` exclude each other: remove one".to_owned()),
            (Some(path), None) => with_spool(pipeline, path, self.durability, self.retention),
            (None, Some(full)) => Ok(pipeline.buffer(match full {
                Full::Wait => OnFull::Wait,
                Full::DropNewest => OnFull::DropNewest,
                Full::DropOldest => OnFull::DropOldest,
            })),
            (None, None) => Ok(pipeline),
        }
    }
}

#[cfg(feature = "spool")]
fn with_spool(
    mut pipeline: Pipeline,
    path: PathBuf,
    durability: Option<String>,
    retention: Option<String>,
) -> Result<Pipeline, String> {
    pipeline.queue = Some(Queue::Spool(path));
    if let Some(text) = durability {
        pipeline.durability = text.parse().map_err(|error: crate::SetupError| error.to_string())?;
    }
    if let Some(text) = retention {
        pipeline.retention = crate::transport::spool::retention(&text).map_err(|error| error.to_string())?;
    }
    Ok(pipeline)
}

#[cfg(not(feature = "spool"))]
fn with_spool(_: Pipeline, _: PathBuf, _: Option<String>, _: Option<String>) -> Result<Pipeline, String> {
    Err("this build does not support a spool: enable the cargo feature `spool`".to_owned())
}

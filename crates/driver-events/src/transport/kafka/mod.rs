//! Kafka: addresses, client configuration, sinks and sources.

mod sink;
mod source;

mod address;
mod config;
mod properties;

use std::sync::Arc;

use super::remote::{RemoteSink, RemoteSource};
use crate::url::{Url, UrlError};

/// Parses the `kafka:` URL of a sink.
pub(super) fn sink(url: &Url<'_>) -> Result<Arc<dyn RemoteSink>, UrlError> {
    Ok(Arc::new(sink::KafkaSinkUrl::parse(url)?))
}

/// Parses the `kafka:` URL of a source.
pub(super) fn source(url: &Url<'_>) -> Result<Arc<dyn RemoteSource>, UrlError> {
    Ok(Arc::new(source::KafkaSourceUrl::parse(url)?))
}

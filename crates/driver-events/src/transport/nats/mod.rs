//! NATS and JetStream: addresses, credentials, sinks and sources.

mod core;
mod jetstream;

mod address;
mod credentials;

use std::sync::Arc;

use self::core::CoreAddress;
use self::jetstream::JetStreamAddress;
use super::remote::{RemoteSink, RemoteSource};
use crate::url::{Url, UrlError};

/// Parses the `nats:`, `tls:` or `jetstream:` URL of a sink.
pub(super) fn sink(url: &Url<'_>) -> Result<Arc<dyn RemoteSink>, UrlError> {
    Ok(match url.scheme.as_str() {
        "jetstream" => Arc::new(JetStreamAddress::of_sink(url)?),
        _ => Arc::new(CoreAddress::of_sink(url)?),
    })
}

/// Parses the `nats:`, `tls:` or `jetstream:` URL of a source.
pub(super) fn source(url: &Url<'_>) -> Result<Arc<dyn RemoteSource>, UrlError> {
    Ok(match url.scheme.as_str() {
        "jetstream" => Arc::new(JetStreamAddress::of_source(url)?),
        _ => Arc::new(CoreAddress::of_source(url)?),
    })
}

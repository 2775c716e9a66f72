//! NATS targets and sources: URLs, credentials, connections.

mod address;
mod arguments;
mod core;
mod jetstream;

use std::sync::Arc;

use self::address::NatsAddress;
pub(crate) use self::arguments::NatsArguments;
use self::core::CoreAddress;
use self::jetstream::JetStreamAddress;
use crate::remote::{RemoteSourceUrl, RemoteTarget};
use crate::url::{Url, UrlError};

/// Parses the `nats:`, `tls:` or `jetstream:` URL of a target.
pub(crate) fn target(url: &Url<'_>) -> Result<Arc<dyn RemoteTarget>, UrlError> {
    Ok(match url.scheme.as_str() {
        "jetstream" => Arc::new(JetStreamAddress::of_target(url)?),
        _ => Arc::new(CoreAddress::of_target(url)?),
    })
}

/// Parses the `nats:`, `tls:` or `jetstream:` URL of a source.
pub(crate) fn source_url(url: &Url<'_>) -> Result<Arc<dyn RemoteSourceUrl>, UrlError> {
    Ok(match url.scheme.as_str() {
        "jetstream" => Arc::new(JetStreamAddress::of_source(url)?),
        _ => Arc::new(CoreAddress::of_source(url)?),
    })
}

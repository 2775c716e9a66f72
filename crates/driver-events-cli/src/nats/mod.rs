//! NATS as a target and as a source: URLs, credentials, connections.

mod address;
mod arguments;
mod core;
mod jetstream;

use std::sync::Arc;

use driver_events_nats::{SetupError, SetupErrorKind};

use self::address::NatsAddress;
pub(crate) use self::arguments::NatsArguments;
use self::core::CoreAddress;
use self::jetstream::JetStreamAddress;
use crate::open_error::OpenError;
use crate::remote::{RemoteOrigin, RemoteTarget};
use crate::report::with_causes;
use crate::url::{Url, UrlError};

/// Reads a `nats:`, `tls:` or `jetstream:` URL.
pub(crate) fn target(url: &Url<'_>) -> Result<Arc<dyn RemoteTarget>, UrlError> {
    Ok(match url.scheme.as_str() {
        "jetstream" => Arc::new(JetStreamAddress::of_target(url)?),
        _ => Arc::new(CoreAddress::of_target(url)?),
    })
}

/// Reads a `nats:`, `tls:` or `jetstream:` URL.
pub(crate) fn origin(url: &Url<'_>) -> Result<Arc<dyn RemoteOrigin>, UrlError> {
    Ok(match url.scheme.as_str() {
        "jetstream" => Arc::new(JetStreamAddress::of_origin(url)?),
        _ => Arc::new(CoreAddress::of_origin(url)?),
    })
}

impl From<SetupError> for OpenError {
    fn from(error: SetupError) -> Self {
        let reason = with_causes(&error);
        match error.kind() {
            SetupErrorKind::Invalid => Self::usage(reason),
            _ => Self::failed(reason),
        }
    }
}

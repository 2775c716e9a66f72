//! Kafka as a target and as a source: URLs, properties, credentials.

mod address;
mod arguments;
mod origin;
mod patient;
mod properties;
mod target;

use std::sync::Arc;

use driver_events_kafka::{SetupError, SetupErrorKind};

use self::address::KafkaAddress;
pub(crate) use self::arguments::KafkaArguments;
use crate::open_error::OpenError;
use crate::remote::{RemoteOrigin, RemoteTarget};
use crate::report::with_causes;
use crate::url::{Url, UrlError};

/// Reads a `kafka:` URL.
pub(crate) fn target(url: &Url<'_>) -> Result<Arc<dyn RemoteTarget>, UrlError> {
    Ok(Arc::new(target::KafkaTarget::parse(url)?))
}

/// Reads a `kafka:` URL.
pub(crate) fn origin(url: &Url<'_>) -> Result<Arc<dyn RemoteOrigin>, UrlError> {
    Ok(Arc::new(origin::KafkaOrigin::parse(url)?))
}

impl From<SetupError> for OpenError {
    fn from(error: SetupError) -> Self {
        let reason = with_causes(&error);
        match error.kind() {
            SetupErrorKind::Invalid => Self::usage(reason),
            SetupErrorKind::NoTopic => Self::failed(format!("{reason}; `publish` makes it with --create-topic")),
            _ => Self::failed(reason),
        }
    }
}

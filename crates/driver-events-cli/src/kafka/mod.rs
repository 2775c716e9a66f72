//! Kafka targets and sources: URLs, properties, credentials.

mod address;
mod arguments;
mod interruptible_sink;
mod properties;
mod source_url;
mod target;

use std::sync::Arc;

use driver_events_kafka::{SetupError, SetupErrorKind};

use self::address::KafkaAddress;
pub(crate) use self::arguments::KafkaArguments;
use crate::open_error::OpenError;
use crate::remote::{RemoteSourceUrl, RemoteTarget};
use crate::report::with_causes;
use crate::url::{Url, UrlError};

/// Parses the `kafka:` URL of a target.
pub(crate) fn target(url: &Url<'_>) -> Result<Arc<dyn RemoteTarget>, UrlError> {
    Ok(Arc::new(target::KafkaTarget::parse(url)?))
}

/// Parses the `kafka:` URL of a source.
pub(crate) fn source_url(url: &Url<'_>) -> Result<Arc<dyn RemoteSourceUrl>, UrlError> {
    Ok(Arc::new(source_url::KafkaSourceUrl::parse(url)?))
}

impl From<SetupError> for OpenError {
    fn from(error: SetupError) -> Self {
        let reason = with_causes(&error);
        match error.kind() {
            SetupErrorKind::Invalid => Self::usage(reason),
            SetupErrorKind::NoTopic => Self::failed(format!("{reason}; `publish --create-topic` creates it")),
            _ => Self::failed(reason),
        }
    }
}

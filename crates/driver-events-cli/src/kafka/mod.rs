//! Kafka targets and sources: URLs, properties, credentials.

mod address;
mod arguments;
mod interruptible_sink;
mod properties;
mod source_url;
mod target;

use std::sync::Arc;

use driver_events_core::{SetupError, SetupErrorKind};

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

/// Returns the error of opening a topic. One that does not exist can be created.
fn open_error(error: SetupError) -> OpenError {
    match error.kind() {
        SetupErrorKind::NotFound => {
            OpenError::failed(format!("{}; `publish --create-topic` creates it", with_causes(&error)))
        }
        _ => error.into(),
    }
}

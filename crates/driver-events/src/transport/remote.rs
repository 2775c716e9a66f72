use std::fmt;
#[cfg(feature = "spool")]
use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::SetupError;

use crate::opened_sink::OpenedSink;
use crate::opened_source::OpenedSource;
use crate::options::Options;
use crate::protocol::Protocol;

/// Destination of events, of any transport.
#[cfg(feature = "spool")]
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The URL without user and password.
    pub(crate) name: String,
    pub(crate) sink: Arc<dyn RemoteSink>,
}

/// Parsed URL of a sink that is opened with options.
#[async_trait]
pub(crate) trait RemoteSink: fmt::Debug + Send + Sync {
    fn protocol(&self) -> Protocol;

    async fn open(&self, options: &Options) -> Result<OpenedSink, SetupError>;
}

/// Parsed URL of a source on a server.
#[async_trait]
pub(crate) trait RemoteSource: fmt::Debug + Send + Sync {
    fn protocol(&self) -> Protocol;

    /// Returns whether the URL sets the start position.
    fn has_start(&self) -> bool {
        false
    }

    async fn open(&self, options: &Options) -> Result<OpenedSource, SetupError>;
}

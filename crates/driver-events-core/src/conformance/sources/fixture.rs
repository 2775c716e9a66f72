use async_trait::async_trait;

use crate::envelope::Envelope;
use crate::source::DriverEventSource;

/// Creates the source under test, and publishes what it reads.
#[async_trait]
pub trait SourceFixture: Send + Sync {
    /// What the source reads: for example a path, the name of a stream, or a prefix.
    type Log: Send + Sync;

    /// Creates an empty log. Called once for each property.
    async fn start(&self) -> Self::Log;

    /// Publishes events, after all earlier ones. They are readable once the call returns.
    async fn publish(&self, log: &Self::Log, envelopes: &[Envelope]);

    /// Publishes a message with this payload, which is not a valid event.
    async fn publish_bytes(&self, log: &Self::Log, bytes: &[u8]);

    /// Opens the source, as a reader that continues where the one before it was closed: with the same durable consumer or
    /// group, if [`redelivers`](SourceCapabilities::redelivers) is set. Events that are published after the call returns are
    /// delivered.
    async fn open(&self, log: &Self::Log) -> Box<dyn DriverEventSource>;

    /// Returns the capabilities of the source.
    fn capabilities(&self) -> SourceCapabilities;
}

/// Capabilities of a source: they determine what the suite expects of it.
///
/// Create them with [`new`](Self::new) and change the fields that differ from the defaults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceCapabilities {
    /// Whether events are delivered that were published before the source was opened. Default: `true`.
    pub delivers_earlier: bool,
    /// Whether unsettled and nacked events are redelivered, and acked ones are not. Default: `true`.
    pub redelivers: bool,
    /// Whether id, time, source, stamp and trace context are delivered. Default: `true`.
    pub keeps_attributes: bool,
}

impl SourceCapabilities {
    /// Creates the default capabilities.
    #[must_use]
    pub fn new() -> Self {
        Self {
            delivers_earlier: true,
            redelivers: true,
            keeps_attributes: true,
        }
    }
}

impl Default for SourceCapabilities {
    fn default() -> Self {
        Self::new()
    }
}

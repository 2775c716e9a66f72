use std::sync::Arc;

use driver_events_core::DriverEventSink;

/// Sink of a [`Pipeline`](crate::Pipeline). Clones share it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenedPipeline {
    /// The sink. Call `close` before the process exits.
    pub sink: Arc<dyn DriverEventSink>,
    #[cfg(feature = "spool")]
    pub(super) spool: Option<Arc<crate::spool::SpooledSink>>,
}

#[cfg(feature = "spool")]
impl OpenedPipeline {
    /// Returns the state of the spool and its targets. `None` without a spool.
    #[must_use]
    pub fn health(&self) -> Option<crate::spool::Health> {
        self.spool.as_ref().map(|spool| spool.health())
    }
}

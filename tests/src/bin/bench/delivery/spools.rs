//! Spools and sinks that the measurements share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{DriverEventSink, Envelope, Guarantee, Receipt, SinkError, SinkErrorKind};
use driver_events_spool::{Durability, SpoolBuilder, SpooledSink};

use crate::Failure;

/// Longer than any drain takes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(300);

/// Returns the path of a new file.
pub(super) fn new_file(folder: &Path) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    folder.join(format!("{}.db", NEXT.fetch_add(1, Ordering::Relaxed)))
}

pub(super) fn builder(path: &Path, durability: Durability) -> SpoolBuilder {
    SpooledSink::builder(path)
        .durability(durability)
        .close_timeout(CLOSE_TIMEOUT)
}

/// Opens a spool whose target is down.
pub(super) async fn with_dead_target(path: &Path, durability: Durability) -> Result<SpooledSink, Failure> {
    let builder = builder(path, durability).close_timeout(Duration::ZERO);
    Ok(builder.max_bytes(4 << 30).deliver_to("target", Dead).open().await?)
}

/// Sends a batch, of which every event must be accepted.
pub(super) async fn send_all(sink: &dyn DriverEventSink, envelopes: Vec<Envelope>) -> Result<(), Failure> {
    for result in sink.send_batch(envelopes).await {
        result?;
    }
    Ok(())
}

/// A target that is down: every call fails at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dead;

#[async_trait]
impl DriverEventSink for Dead {
    async fn send(&self, _: Envelope) -> Result<Receipt, SinkError> {
        Err(SinkError::new(SinkErrorKind::Disconnected, "down"))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Stored
    }
}

/// A target without work to do.
pub(super) fn noop() -> Arc<dyn DriverEventSink> {
    Arc::new(driver_events_core::NoopEventSink)
}

use std::path::Path;
use std::sync::Arc;

use driver_events_core::{Backoff, DriverEventSink};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::status::{Reporter, Status};
use super::target::Target;
use super::worker::Worker;
use crate::store::targets::Progress;
use crate::writer::handle::WriterHandle;

/// Tasks of the workers. Each returns its sink, to be closed.
pub(crate) type Workers = JoinSet<Option<Arc<dyn DriverEventSink>>>;

/// The status of each target.
pub(crate) type Statuses = Vec<(Arc<str>, watch::Receiver<Status>)>;

/// Starts a worker for each target on the current runtime.
pub(crate) fn start(
    targets: Vec<(Arc<str>, Target, Progress)>,
    backoff: Backoff,
    (writer, path): (&WriterHandle, &Path),
    closing: &watch::Receiver<bool>,
) -> (Workers, Statuses) {
    let mut workers = Workers::new();
    let mut statuses = Vec::new();
    for (name, target, progress) in targets {
        let (reporter, status) = Reporter::new(Arc::clone(&name), progress);
        let file = (writer.clone(), path.to_owned());
        let worker = Worker::new(target, reporter, backoff, file, closing.clone());
        workers.spawn(worker.run());
        statuses.push((name, status));
    }
    (workers, statuses)
}

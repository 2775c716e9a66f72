use driver_events_core::{SinkError, SinkErrorKind};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::delivery::start::Statuses;
use crate::health::Health;
use crate::writer::file_state::FileState;

/// Where the state of a spool can be read.
#[derive(Clone, Debug)]
pub(crate) struct HealthView {
    pub(crate) max_bytes: u64,
    pub(crate) file: watch::Receiver<FileState>,
    pub(crate) targets: Statuses,
}

impl HealthView {
    pub(crate) fn health(&self) -> Health {
        let file = self.file.borrow().clone();
        let targets = self.targets.iter().map(|(name, status)| {
            let status = status.borrow();
            status.health(name, status.depth(file.epoch, file.last))
        });
        Health {
            bytes: file.bytes,
            max_bytes: self.max_bytes,
            accepted: file.accepted,
            refused: file.refused,
            targets: targets.collect(),
            set_aside: file.set_aside,
        }
    }

    /// Waits until every target has the events committed so far.
    ///
    /// # Errors
    /// [`Timeout`](SinkErrorKind::Timeout) at the deadline, with the numbers of events left.
    pub(crate) async fn delivered(&self, deadline: Instant) -> Result<(), SinkError> {
        let (epoch, last) = {
            let file = self.file.borrow();
            (file.epoch, file.last)
        };
        for (_, status) in &self.targets {
            let mut status = status.clone();
            let settled = status.wait_for(|status| status.has_settled(epoch, last));
            match timeout_at(deadline, settled).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return Err(self.left()),
            }
        }
        Ok(())
    }

    fn left(&self) -> SinkError {
        let health = self.health();
        let targets = health.targets.iter().filter(|target| target.depth > 0);
        let left: Vec<_> = targets
            .map(|target| format!("{} for `{}`", target.depth, target.name))
            .collect();
        let message = format!(
            "events are not delivered yet, {}: they stay in the spool for the next start",
            left.join(", ")
        );
        SinkError::new(SinkErrorKind::Timeout, message)
    }
}

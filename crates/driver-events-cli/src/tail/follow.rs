//! Follows a file through its rotations, as `tail -F` does.

mod chunks;
mod follower;
mod open_file;
mod renames;

use std::io;
use std::path::PathBuf;
use std::thread;

use async_trait::async_trait;
use driver_events::{Delivery, DriverEventSource, SourceError, SourceErrorKind};
use tokio::sync::mpsc::{Receiver, channel};

use self::follower::Follower;
use crate::report::Report;

/// Number of deliveries that are read ahead.
const READ_AHEAD: usize = 64;

/// Source of the lines of a growing file, which a thread reads. A partial last line is not delivered until it is complete,
/// or its file is closed or truncated.
#[derive(Debug)]
pub(super) struct FollowedFile {
    deliveries: Receiver<Result<Delivery, SourceError>>,
    has_ended: bool,
}

impl FollowedFile {
    /// Opens the file and starts to read it.
    pub(super) async fn open(path: PathBuf, report: Report) -> io::Result<Self> {
        let (sender, deliveries) = channel(READ_AHEAD);
        let open = move || Follower::open(&path, sender, report);
        let follower = tokio::task::spawn_blocking(open).await.map_err(io::Error::from)??;
        thread::Builder::new()
            .name("follow".to_owned())
            .spawn(move || follower.run())?;
        Ok(Self {
            deliveries,
            has_ended: false,
        })
    }
}

#[async_trait]
impl DriverEventSource for FollowedFile {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        let item = self.deliveries.recv().await;
        if item.is_none() && !std::mem::replace(&mut self.has_ended, true) {
            let message = "the thread that reads the followed file has panicked";
            return Some(Err(SourceError::new(SourceErrorKind::Fatal, message)));
        }
        item
    }
}

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{
    Delivery, DriverEventSource, EventFilter, Malformed, Position, SetupError, SourceError, SourceErrorKind,
};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

use super::kept_event::KeptEvent;
use super::spool_file::SpoolFile;

const PAGE: usize = 256;
/// Time between two looks for new events.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Source of the events in the file of a spool, in its order: those that are not delivered to every target, and those that the
/// retention keeps. Reads along while the owner runs, and takes nothing: settling a delivery has no effect.
///
/// A row that is damaged is delivered as [`Malformed`]. The position of a delivery is `PATH#POSITION`.
pub struct SpoolEventSource {
    path: PathBuf,
    name: Arc<str>,
    follows: bool,
    filter: EventFilter,
    file: Option<SpoolFile>,
    /// Events that were read, the last one first.
    page: Vec<KeptEvent>,
    position: u64,
    is_closed: bool,
}

impl SpoolEventSource {
    /// Opens the file. The source ends after the last event.
    ///
    /// # Errors
    /// Same as [`SpoolFile::open`].
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, SetupError> {
        let path = path.into();
        let opened = path.clone();
        let opening = spawn_blocking(move || SpoolFile::open(opened)).await;
        let interrupted =
            |error: JoinError| SetupError::invalid("opening the spool was interrupted").with_source(error);
        Ok(Self {
            name: path.to_string_lossy().into(),
            path,
            follows: false,
            filter: EventFilter::everything(),
            file: Some(opening.map_err(interrupted)??),
            page: Vec::new(),
            position: 0,
            is_closed: false,
        })
    }

    /// Waits for new events after the last one. Needs a tokio runtime with a timer.
    #[must_use]
    pub fn following(mut self) -> Self {
        self.follows = true;
        self
    }

    /// Sets which events are delivered. Damaged ones always are. Default: all.
    #[must_use]
    pub fn with_filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Reads the next page. Re-opens the file if the last call was dropped.
    async fn read(&mut self) -> Result<(), SourceError> {
        let (file, path, position) = (self.file.take(), self.path.clone(), self.position);
        let reading = spawn_blocking(move || {
            let file = match file {
                Some(file) => file,
                None => SpoolFile::open(path)?,
            };
            let page = file.events(position, PAGE)?;
            Ok::<_, SetupError>((file, page))
        });
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
            SourceError::new(SourceErrorKind::Disconnected, "cannot read the spool").with_source(source)
        };
        let read = reading.await.map_err(|error| failed(error.into()))?;
        let (file, mut page) = read.map_err(|error| failed(error.into()))?;
        page.reverse();
        (self.file, self.page) = (Some(file), page);
        Ok(())
    }
}

#[async_trait]
impl DriverEventSource for SpoolEventSource {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        while !self.is_closed {
            let Some(event) = self.page.pop() else {
                if let Err(error) = self.read().await {
                    return Some(Err(error));
                }
                if self.page.is_empty() {
                    if !self.follows {
                        return None;
                    }
                    sleep(POLL_INTERVAL).await;
                }
                continue;
            };
            self.position = event.position;
            let content = event.event.map_err(|reason| Malformed::new(Bytes::new(), reason, 0));
            if content.as_ref().is_ok_and(|envelope| !self.filter.selects(envelope)) {
                continue;
            }
            let position = Position::Stream {
                stream: Arc::clone(&self.name),
                sequence: event.position,
            };
            return Some(Ok(Delivery::new(content, position)));
        }
        None
    }

    async fn close(&mut self) -> Result<(), SourceError> {
        self.is_closed = true;
        self.file = None;
        Ok(())
    }
}

impl fmt::Debug for SpoolEventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpoolEventSource({:?})", self.name)
    }
}

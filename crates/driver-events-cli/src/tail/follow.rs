use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{Delivery, DriverEventSource, NdjsonSource, SourceError, SourceErrorKind};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::input::{Input, Reader};
use crate::report::Report;

/// How often a file is asked whether it has grown.
const PAUSE: Duration = Duration::from_millis(100);

/// What one read asks for, and what may be read ahead.
const READ_BYTES: usize = 64 * 1024;

/// The lines of a file, and those that are still to be written to it. A last line without an end is waited for.
///
/// When the file is cut short, or another takes its place, it is read to its end and then from the new beginning.
#[derive(Debug)]
pub(super) struct FollowedFile {
    path: PathBuf,
    state: State,
    report: Report,
}

#[derive(Debug)]
enum State {
    /// The file has to be opened again.
    Closed,
    Open {
        lines: NdjsonSource<Reader>,
        /// Moves the bytes of the file into `lines`, until the file ends.
        copying: JoinHandle<io::Result<End>>,
    },
    Failed,
}

/// Why nothing more will come from a file.
#[derive(Clone, Copy, Debug)]
enum End {
    CutShort,
    Replaced,
}

impl FollowedFile {
    pub(super) async fn open(path: PathBuf, report: Report) -> io::Result<Self> {
        let mut followed = Self {
            path,
            state: State::Closed,
            report,
        };
        followed.open_again().await?;
        Ok(followed)
    }

    async fn open_again(&mut self) -> io::Result<()> {
        let file = File::open(&self.path).await?;
        let (written, read) = duplex(READ_BYTES);
        self.state = State::Open {
            lines: Input::File(self.path.clone()).lines_of(Box::pin(read)),
            copying: tokio::spawn(copy(self.path.clone(), file, written)),
        };
        Ok(())
    }

    fn fail(&mut self, error: io::Error) -> Option<Result<Delivery, SourceError>> {
        self.state = State::Failed;
        let message = format!("cannot read {}", self.path.display());
        let error = SourceError::new(SourceErrorKind::Disconnected, message).with_source(error);
        Some(Err(error))
    }
}

#[async_trait]
impl DriverEventSource for FollowedFile {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        loop {
            match &mut self.state {
                State::Failed => return None,
                State::Closed => match self.open_again().await {
                    Ok(()) => {}
                    // It was moved away, and the new one is not there yet.
                    Err(error) if error.kind() == ErrorKind::NotFound => sleep(PAUSE).await,
                    Err(error) => return self.fail(error),
                },
                State::Open { lines, copying } => {
                    if let Some(item) = lines.next().await {
                        return Some(item);
                    }
                    let end = copying.await.unwrap_or_else(|error| Err(error.into()));
                    self.state = State::Closed;
                    let what_happened = match end {
                        Ok(End::CutShort) => "was cut short",
                        Ok(End::Replaced) => "was replaced",
                        Err(error) => return self.fail(error),
                    };
                    let name = self.path.display();
                    self.report
                        .warning(format_args!("{name} {what_happened}; going on from its start"));
                }
            }
        }
    }
}

async fn copy(path: PathBuf, mut file: File, mut lines: DuplexStream) -> io::Result<End> {
    let mut buffer = vec![0; READ_BYTES];
    let mut position = 0;
    let mut end = None;
    loop {
        let length = file.read(&mut buffer).await?;
        if length > 0 {
            position += length as u64;
            lines.write_all(buffer.get(..length).unwrap_or_default()).await?;
        } else if let Some(end) = end {
            // This read came after the end was seen: nothing was written in between.
            return Ok(end);
        } else {
            end = find_end(&path, &file, position).await?;
            if end.is_none() {
                sleep(PAUSE).await;
            }
        }
    }
}

/// Looks whether the file that was read up to `position` is still the one that is being written.
async fn find_end(path: &Path, file: &File, position: u64) -> io::Result<Option<End>> {
    let opened = file.metadata().await?;
    if !opened.is_file() {
        // A pipe goes on with its next writer.
        return Ok(None);
    }
    if opened.len() < position {
        return Ok(Some(End::CutShort));
    }
    match fs::metadata(path).await {
        Ok(current) if is_other_file(&opened, &current) => Ok(Some(End::Replaced)),
        Ok(_) => Ok(None),
        // It was moved away. Its writer may still hold it, until there is a new one.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_other_file(opened: &Metadata, current: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (opened.dev(), opened.ino()) != (current.dev(), current.ino())
}

/// Files have no identity here that can be asked for; one that is cut short is still seen.
#[cfg(not(unix))]
fn is_other_file(_opened: &Metadata, _current: &Metadata) -> bool {
    false
}

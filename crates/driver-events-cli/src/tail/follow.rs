use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use driver_events::{Delivery, DriverEventSource, NdjsonSource, SourceError, SourceErrorKind};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::input::{Input, Reader};
use crate::report::Report;

/// Interval between checks for growth, truncation and replacement.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Size of one read, and limit of the read-ahead.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Source of the lines of a growing file. A partial last line is not read until it is complete.
///
/// When the file is truncated or replaced, the old contents are read to the end, then the new ones from the start.
#[derive(Debug)]
pub(super) struct FollowedFile {
    path: PathBuf,
    state: State,
    report: Report,
}

#[derive(Debug)]
enum State {
    /// The file must be reopened.
    Closed,
    Open {
        lines: Box<NdjsonSource<Reader>>,
        /// Copies the file into `lines` until the file is truncated or replaced.
        copy_task: JoinHandle<io::Result<FileEnd>>,
    },
    Failed,
}

/// Reason why an open file will not grow any more.
#[derive(Clone, Copy, Debug)]
enum FileEnd {
    Truncated,
    Replaced,
}

impl FollowedFile {
    pub(super) async fn open(path: PathBuf, report: Report) -> io::Result<Self> {
        let mut followed = Self {
            path,
            state: State::Closed,
            report,
        };
        followed.reopen().await?;
        Ok(followed)
    }

    async fn reopen(&mut self) -> io::Result<()> {
        let file = File::open(&self.path).await?;
        let (written, read) = duplex(READ_BUFFER_BYTES);
        self.state = State::Open {
            lines: Box::new(Input::File(self.path.clone()).lines(Box::pin(read))),
            copy_task: tokio::spawn(copy(self.path.clone(), file, written)),
        };
        Ok(())
    }

    fn fail(&mut self, error: io::Error) -> Option<Result<Delivery, SourceError>> {
        self.state = State::Failed;
        let message = format!("cannot read `{}`", self.path.display());
        let error = SourceError::new(SourceErrorKind::Fatal, message).with_source(error);
        Some(Err(error))
    }
}

#[async_trait]
impl DriverEventSource for FollowedFile {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        loop {
            match &mut self.state {
                State::Failed => return None,
                State::Closed => match self.reopen().await {
                    Ok(()) => {}
                    // The file was moved and its replacement does not exist yet.
                    Err(error) if error.kind() == ErrorKind::NotFound => sleep(POLL_INTERVAL).await,
                    Err(error) => return self.fail(error),
                },
                State::Open { lines, copy_task } => {
                    if let Some(item) = lines.next().await {
                        return Some(item);
                    }
                    let end = copy_task.await.unwrap_or_else(|error| Err(error.into()));
                    self.state = State::Closed;
                    let change = match end {
                        Ok(FileEnd::Truncated) => "truncated",
                        Ok(FileEnd::Replaced) => "replaced",
                        Err(error) => return self.fail(error),
                    };
                    let name = self.path.display();
                    self.report
                        .warning(format_args!("`{name}` was {change}: reading from the start"));
                }
            }
        }
    }
}

async fn copy(path: PathBuf, mut file: File, mut lines: DuplexStream) -> io::Result<FileEnd> {
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    let mut position = 0;
    let mut end = None;
    loop {
        let length = file.read(&mut buffer).await?;
        if length > 0 {
            position += length as u64;
            lines.write_all(buffer.get(..length).unwrap_or_default()).await?;
        } else if let Some(end) = end {
            // The read after the change found no more data.
            return Ok(end);
        } else {
            end = find_end(&path, &file, position).await?;
            if end.is_none() {
                sleep(POLL_INTERVAL).await;
            }
        }
    }
}

/// Checks whether the open file, read up to `position`, was truncated or replaced.
async fn find_end(path: &Path, file: &File, position: u64) -> io::Result<Option<FileEnd>> {
    let opened = file.metadata().await?;
    if !opened.is_file() {
        // A named pipe continues with its next writer.
        return Ok(None);
    }
    if opened.len() < position {
        return Ok(Some(FileEnd::Truncated));
    }
    match fs::metadata(path).await {
        Ok(current) if is_other_file(&opened, &current) => Ok(Some(FileEnd::Replaced)),
        Ok(_) => Ok(None),
        // The file was moved. Its writer may still append to it until a replacement exists.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_other_file(opened: &Metadata, current: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (opened.dev(), opened.ino()) != (current.dev(), current.ino())
}

/// Detects no replacement: files have no portable identity. Truncation is still detected.
#[cfg(not(unix))]
fn is_other_file(_opened: &Metadata, _current: &Metadata) -> bool {
    false
}

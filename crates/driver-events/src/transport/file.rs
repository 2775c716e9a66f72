//! Files and standard input.

use std::io;
#[cfg(unix)]
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use driver_events_core::{NdjsonSource, SetupError, SetupErrorKind};
use driver_events_stdout::{Format, WriterEventSink};
use tokio::fs::File;
use tokio::io::{AsyncRead, BufReader};
use tokio::task::spawn_blocking;

use crate::opened_sink::OpenedSink;
use crate::opened_source::OpenedSource;
use crate::options::Options;
#[cfg(unix)]
use crate::transport::wait_readable::WaitReadable;

const READ_BUFFER_BYTES: usize = 256 * 1024;

pub(crate) async fn open_sink(path: PathBuf, format: Option<Format>) -> Result<OpenedSink, SetupError> {
    let mut builder = WriterEventSink::builder();
    if let Some(format) = format {
        builder = builder.format(format);
    }
    let open = move || builder.append_to(path);
    let opened = spawn_blocking(open).await.map_err(io::Error::from);
    let sink = opened.flatten().map_err(setup_error)?;
    Ok(OpenedSink::new(sink))
}

pub(crate) async fn open_source(path: &Path, options: &Options) -> Result<OpenedSource, SetupError> {
    let file = File::open(path).await.map_err(setup_error)?;
    if file.metadata().await.map_err(setup_error)?.is_dir() {
        return Err(setup_error(io::ErrorKind::IsADirectory.into()));
    }
    Ok(lines(&path.to_string_lossy(), file, options))
}

pub(crate) fn stdin(options: &Options) -> OpenedSource {
    lines("-", tokio::io::stdin(), options)
}

#[cfg(unix)]
fn lines<R: AsyncRead + AsFd + Unpin + Send + 'static>(name: &str, reader: R, options: &Options) -> OpenedSource {
    buffered_lines(name, WaitReadable::new(reader), options)
}

#[cfg(not(unix))]
fn lines<R: AsyncRead + Unpin + Send + 'static>(name: &str, reader: R, options: &Options) -> OpenedSource {
    buffered_lines(name, reader, options)
}

fn buffered_lines(name: &str, reader: impl AsyncRead + Unpin + Send + 'static, options: &Options) -> OpenedSource {
    let reader = BufReader::with_capacity(READ_BUFFER_BYTES, reader);
    OpenedSource::new(NdjsonSource::new(name, reader).with_filter(options.filter()))
}

fn setup_error(error: io::Error) -> SetupError {
    use io::ErrorKind;
    let kind = match error.kind() {
        ErrorKind::NotFound => SetupErrorKind::NotFound,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => SetupErrorKind::Unauthorized,
        ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename
        | ErrorKind::NotSeekable => SetupErrorKind::Incompatible,
        _ => SetupErrorKind::Unreachable,
    };
    SetupError::new(kind, error.to_string()).with_source(error)
}

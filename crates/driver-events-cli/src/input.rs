use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use driver_events::NdjsonSource;
use tokio::fs::File;
use tokio::io::{AsyncRead, BufReader};

use crate::file_id::FileId;

/// Size of one read, and thereby of a batch.
const READ_BUFFER_BYTES: usize = 256 * 1024;

/// File or standard input, read line by line.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Stdin,
    File(PathBuf),
}

pub(crate) type Reader = BufReader<Pin<Box<dyn AsyncRead + Send>>>;

impl Input {
    /// Parses `-` or the path of a file.
    pub(crate) fn from_path(text: OsString) -> Self {
        if text == "-" {
            Self::Stdin
        } else {
            Self::File(text.into())
        }
    }

    /// Returns the name for positions: the path as given, or `-`.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Stdin => Cow::Borrowed("-"),
            Self::File(path) => path.to_string_lossy(),
        }
    }

    /// Returns the last component of the path, or `-`. It stays the same if the file moves to another directory.
    pub(crate) fn base_name(&self) -> &[u8] {
        match self {
            Self::Stdin => b"-",
            Self::File(path) => path.file_name().unwrap_or(path.as_os_str()).as_encoded_bytes(),
        }
    }

    /// Returns the path, or `None` for standard input.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdin => None,
            Self::File(path) => Some(path),
        }
    }

    /// Returns the identity of the file that is read, or `None` for a pipe or device.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        match self {
            Self::Stdin => FileId::of_stdin(),
            Self::File(path) => FileId::of_path(path),
        }
    }

    /// Returns the error for an input that is also written to: reading would never end.
    pub(crate) fn feedback_error(&self) -> String {
        format!("`{}` is both input and output", self.name())
    }

    /// Opens the input. A named pipe blocks until it has a writer.
    pub(crate) async fn open(&self) -> io::Result<NdjsonSource<Reader>> {
        let reader: Pin<Box<dyn AsyncRead + Send>> = match self {
            Self::Stdin => Box::pin(tokio::io::stdin()),
            Self::File(path) => Box::pin(File::open(path).await?),
        };
        Ok(self.lines(reader))
    }

    /// Reads lines from `reader`, with positions that name this input.
    pub(crate) fn lines(&self, reader: Pin<Box<dyn AsyncRead + Send>>) -> NdjsonSource<Reader> {
        NdjsonSource::new(self.name(), BufReader::with_capacity(READ_BUFFER_BYTES, reader))
    }
}

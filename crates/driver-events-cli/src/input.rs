use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use driver_events_core::NdjsonSource;
use tokio::fs::File;
use tokio::io::{AsyncRead, BufReader};

use crate::file_id::FileId;
use crate::url::{Url, UrlError};

/// One read asks for this much: a batch is what one read brought.
const READ_BYTES: usize = 256 * 1024;

/// Where lines are read from.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Standard input.
    Stdin,
    File(PathBuf),
}

pub(crate) type Reader = BufReader<Pin<Box<dyn AsyncRead + Send>>>;

impl Input {
    /// `-` or the path of a file.
    pub(crate) fn from_path(text: OsString) -> Self {
        if text == "-" {
            Self::Stdin
        } else {
            Self::File(text.into())
        }
    }

    /// `-` or a `file:` URL.
    pub(crate) fn from_url(text: &OsStr) -> Result<Self, UrlError> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        let url = Url::parse(text)?;
        if url.scheme != "file" {
            return Err(UrlError::new("it is neither `-` nor a `file:` URL"));
        }
        if let Some((key, _)) = url.parameters.first() {
            return Err(UrlError::new(format!("there is no parameter `{key}` here")));
        }
        Ok(Self::File(url.file_path()?))
    }

    /// What positions call it: the path as it was given, or `-`.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Stdin => Cow::Borrowed("-"),
            Self::File(path) => path.to_string_lossy(),
        }
    }

    /// The last part of the path, or `-`: the same wherever the file lies.
    pub(crate) fn base_name(&self) -> &[u8] {
        match self {
            Self::Stdin => b"-",
            Self::File(path) => path.file_name().unwrap_or(path.as_os_str()).as_encoded_bytes(),
        }
    }

    /// The file, unless it is standard input.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdin => None,
            Self::File(path) => Some(path),
        }
    }

    /// What it is read from, where that is a file.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        match self {
            Self::Stdin => FileId::of_stdin(),
            Self::File(path) => FileId::of_path(path),
        }
    }

    /// What to tell the person where the same file is written to: the reading would never end.
    pub(crate) fn read_and_written(&self) -> String {
        format!("{} is read and written at once", self.name())
    }

    /// Opens it. The opening of a named pipe waits for its writer.
    pub(crate) async fn open(&self) -> io::Result<NdjsonSource<Reader>> {
        let reader: Pin<Box<dyn AsyncRead + Send>> = match self {
            Self::Stdin => Box::pin(tokio::io::stdin()),
            Self::File(path) => Box::pin(File::open(path).await?),
        };
        Ok(self.lines_of(reader))
    }

    /// Reads lines from what the caller opened, with positions that name this input.
    pub(crate) fn lines_of(&self, reader: Pin<Box<dyn AsyncRead + Send>>) -> NdjsonSource<Reader> {
        NdjsonSource::new(self.name(), BufReader::with_capacity(READ_BYTES, reader))
    }
}

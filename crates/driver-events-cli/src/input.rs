use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use driver_events::{DriverEventSource, Options, SourceUrl};

use crate::file_id::FileId;
use crate::open_error::OpenError;

/// File or standard input, read line by line.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Stdin,
    File(PathBuf),
}

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

    /// Opens the input. Waits for the writer of a named pipe.
    pub(crate) async fn open(&self) -> Result<Box<dyn DriverEventSource>, OpenError> {
        let url = match self {
            Self::Stdin => SourceUrl::stdin(),
            Self::File(path) => SourceUrl::from_path(path),
        };
        Ok(url.open(&Options::default()).await?.source)
    }
}

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Identity of a regular file, independent of the path that leads to it. Pipes, terminals and devices have none: it is
/// legitimate to read and write them at the same time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FileId {
    Existing(FileKey),
    /// A file that does not exist yet, by its absolute path.
    Missing(PathBuf),
}

/// Device and inode.
#[cfg(unix)]
type FileKey = (u64, u64);

/// Canonical path, which does not recognise hard links.
#[cfg(not(unix))]
type FileKey = PathBuf;

impl FileId {
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        match path.metadata() {
            Ok(metadata) => Self::of_file(path, &metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => std::path::absolute(path).ok().map(Self::Missing),
            Err(_) => None,
        }
    }
}

#[cfg(unix)]
impl FileId {
    /// Returns the identity of the file that standard input reads.
    pub(crate) fn of_stdin() -> Option<Self> {
        Self::of_open(std::io::stdin())
    }

    /// Returns the identity of the file that standard output writes.
    pub(crate) fn of_stdout() -> Option<Self> {
        Self::of_open(std::io::stdout())
    }

    fn of_open(stream: impl std::os::fd::AsFd) -> Option<Self> {
        let file = std::fs::File::from(stream.as_fd().try_clone_to_owned().ok()?);
        Self::of(&file.metadata().ok()?)
    }

    fn of_file(_: &Path, metadata: &std::fs::Metadata) -> Option<Self> {
        Self::of(metadata)
    }

    fn of(metadata: &std::fs::Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        metadata
            .is_file()
            .then(|| Self::Existing((metadata.dev(), metadata.ino())))
    }
}

#[cfg(not(unix))]
impl FileId {
    pub(crate) fn of_stdin() -> Option<Self> {
        None
    }

    pub(crate) fn of_stdout() -> Option<Self> {
        None
    }

    fn of_file(path: &Path, metadata: &std::fs::Metadata) -> Option<Self> {
        metadata
            .is_file()
            .then(|| path.canonicalize().ok().map(Self::Existing))
            .flatten()
    }
}

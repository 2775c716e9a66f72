use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Tells regular files apart, whatever paths lead to them. Pipes, terminals and devices have no identity here: they may
/// well be read and written at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FileId {
    There(Inner),
    /// A file that is not there yet, by its path.
    Missing(PathBuf),
}

#[cfg(unix)]
type Inner = (u64, u64);

/// Files have no identity here that can be asked for; hard links are not seen.
#[cfg(not(unix))]
type Inner = PathBuf;

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
    /// The file that standard input is read from.
    pub(crate) fn of_stdin() -> Option<Self> {
        Self::of_open(std::io::stdin())
    }

    /// The file that standard output is written to.
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
            .then(|| Self::There((metadata.dev(), metadata.ino())))
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
            .then(|| path.canonicalize().ok().map(Self::There))
            .flatten()
    }
}

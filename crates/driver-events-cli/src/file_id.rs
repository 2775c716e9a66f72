use std::path::Path;

/// Tells regular files apart, whatever paths lead to them. Pipes, terminals and devices have no identity here: they may
/// well be read and written at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileId(Inner);

#[cfg(unix)]
type Inner = (u64, u64);

/// Files have no identity here that can be asked for; hard links are not seen.
#[cfg(not(unix))]
type Inner = std::path::PathBuf;

#[cfg(unix)]
impl FileId {
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        Self::of(&path.metadata().ok()?)
    }

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

    fn of(metadata: &std::fs::Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        metadata.is_file().then(|| Self((metadata.dev(), metadata.ino())))
    }
}

#[cfg(not(unix))]
impl FileId {
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        path.is_file().then(|| path.canonicalize().ok().map(Self)).flatten()
    }

    pub(crate) fn of_stdin() -> Option<Self> {
        None
    }

    pub(crate) fn of_stdout() -> Option<Self> {
        None
    }
}

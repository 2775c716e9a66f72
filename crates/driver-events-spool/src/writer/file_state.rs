use std::path::PathBuf;

/// State of the file, published after each commit.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileState {
    /// Counts the files: a damaged one is replaced. Positions of another epoch mean nothing.
    pub(crate) epoch: u64,
    /// Position of the last committed event.
    pub(crate) last: i64,
    /// Bytes in use in the database, at most a second ago.
    pub(crate) bytes: u64,
    /// Whether the last commit found no space for all of it.
    pub(crate) is_full: bool,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    /// Damaged files.
    pub(crate) set_aside: Vec<PathBuf>,
}

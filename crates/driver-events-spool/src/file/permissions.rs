use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use driver_events_core::SetupError;

/// Makes a file that is created readable and writable by its owner only.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Checks the directory of the spool and returns the file's absolute path.
///
/// # Errors
/// The directory does not exist, or other users may replace files in it.
pub(crate) fn checked_path(path: &Path) -> Result<PathBuf, SetupError> {
    let Some(name) = path.file_name() else {
        return Err(SetupError::invalid(format!(
            "spool path {} names no file",
            path.display()
        )));
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = parent.unwrap_or(Path::new("."));
    let directory = directory.canonicalize().map_err(|error| {
        let message = format!("cannot open directory {} of the spool: create it", directory.display());
        SetupError::invalid(message).with_source(error)
    })?;
    let path = directory.join(name);
    // The files beside a database are beside the file that a link names.
    let path = path.canonicalize().unwrap_or(path);
    check_directory(path.parent().unwrap_or(&directory))?;
    Ok(path)
}

#[cfg(unix)]
fn check_directory(directory: &Path) -> Result<(), SetupError> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = fs::metadata(directory).map_err(|error| {
        SetupError::invalid(format!("cannot read directory {}", directory.display())).with_source(error)
    })?;
    let mode = metadata.permissions().mode();
    let is_writable_by_others = mode & 0o002 != 0;
    let is_sticky = mode & 0o1000 != 0;
    if is_writable_by_others && !is_sticky {
        let message = format!(
            "directory {} of the spool is writable by every user (mode {:o}): run `chmod o-w` on it",
            directory.display(),
            mode & 0o7777
        );
        return Err(SetupError::invalid(message));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_directory(_: &Path) -> Result<(), SetupError> {
    Ok(())
}

/// Creates the file if it is missing, and makes an existing one private. SQLite gives the files beside it the same
/// permissions.
///
/// Does not open an existing file: closing it would release the locks that SQLite holds on it in this process
/// ([POSIX advisory locks](https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_)).
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    match private(&mut options).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => make_private(path),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use driver_events_core::{SetupError, SetupErrorKind};

use super::permissions::private;
use super::sibling;

/// Holds the lock file `PATH.lock`, so that one process at a time writes and delivers. The operating system releases the lock
/// when the process ends, however it ends. The file stays.
#[derive(Debug)]
pub(crate) struct Owner {
    lock: File,
}

impl Owner {
    /// Takes the lock, and writes the process id into the file.
    ///
    /// # Errors
    /// Another sink has the lock, of this process or of another one.
    pub(crate) fn acquire(path: &Path) -> Result<Self, SetupError> {
        let lock_path = sibling(path, ".lock");
        let failed = |error| {
            SetupError::invalid(format!("cannot lock the spool with {}", lock_path.display())).with_source(error)
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = private(&mut options).open(&lock_path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Windows refuses to read a locked file.
                let _ = (&lock).take(20).read_to_string(&mut pid);
                let owner = match pid.trim() {
                    "" => "another process".to_owned(),
                    pid => format!("process {pid}"),
                };
                let message = format!(
                    "spool {} is in use by {owner}: stop it, or use another path",
                    path.display()
                );
                return Err(SetupError::new(SetupErrorKind::Unreachable, message));
            }
        }
        // For the message above alone: a full disk must not keep the spool closed.
        let written = lock.set_len(0).and_then(|()| lock.rewind());
        let _ = written.and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self { lock })
    }
}

/// Unlocks, also for copies of the file: a child that this process forks has one until it executes its program, and the lock of a
/// file that is only closed would last as long.
impl Drop for Owner {
    fn drop(&mut self) {
        // Closing the file unlocks it, too.
        let _ = self.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::Owner;

    #[test]
    fn released_lock_does_not_last_as_long_as_a_copy_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.db");
        let owner = Owner::acquire(&path).unwrap();
        assert!(Owner::acquire(&path).is_err());
        // A forked child has such a copy.
        let _copy = owner.lock.try_clone().unwrap();
        drop(owner);
        Owner::acquire(&path).unwrap();
    }
}

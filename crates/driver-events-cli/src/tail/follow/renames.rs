//! Where the files of a path are moved to.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Watches a path for renames, on Linux. Elsewhere it only waits, and a file that is moved before it was opened is not
/// found.
pub(super) struct Renames {
    #[cfg(target_os = "linux")]
    watch: Option<inotify::Watch>,
}

impl Renames {
    /// Watches the path. Without an inotify instance, of which a user has few, it only waits.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "nothing is watched"))]
    pub(super) fn of(path: &Path) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            watch: inotify::Watch::of(path).ok(),
        }
    }

    /// Takes note of the renames since the last call. Returns whether there were any.
    pub(super) fn update(&mut self) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(watch) = &mut self.watch {
            return watch.update();
        }
        false
    }

    /// Returns where the files are that were moved from the path, in the order of their moves.
    pub(super) fn moved(&self) -> Vec<PathBuf> {
        #[cfg(target_os = "linux")]
        if let Some(watch) = &self.watch {
            return watch.moved();
        }
        Vec::new()
    }

    /// Forgets the files that were moved so far.
    pub(super) fn forget(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(watch) = &mut self.watch {
            watch.forget();
        }
    }

    /// Waits for a rename, or for the timeout.
    pub(super) fn wait(&self, timeout: Duration) {
        #[cfg(target_os = "linux")]
        if let Some(watch) = &self.watch {
            return watch.wait(timeout);
        }
        std::thread::sleep(timeout);
    }
}

#[cfg(target_os = "linux")]
mod inotify {
    use std::ffi::{OsStr, OsString};
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};

    use super::{Duration, Path, PathBuf};

    pub(super) struct Watch {
        events: OwnedFd,
        directory: PathBuf,
        name: OsString,
        /// First half of a rename: its cookie and the old name.
        from: Option<(u32, OsString)>,
        moved: Vec<OsString>,
    }

    impl Watch {
        pub(super) fn of(path: &Path) -> rustix::io::Result<Self> {
            let directory = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            let events = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            add_watch(&events, directory, WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO)?;
            Ok(Self {
                events,
                directory: directory.to_owned(),
                name: path.file_name().unwrap_or_default().to_owned(),
                from: None,
                moved: Vec::new(),
            })
        }

        pub(super) fn update(&mut self) -> bool {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut events = Reader::new(&self.events, &mut buffer);
            let mut has_changed = false;
            while let Ok(event) = events.next() {
                let Some(name) = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes())) else {
                    continue;
                };
                has_changed = true;
                if event.events().contains(ReadFlags::MOVED_FROM) {
                    self.from = Some((event.cookie(), name.to_owned()));
                } else if let Some((_, from)) = self.from.take_if(|(cookie, _)| *cookie == event.cookie()) {
                    // A file at the new name is replaced.
                    self.moved.retain(|known| known != name);
                    match self.moved.iter_mut().find(|known| **known == from) {
                        Some(known) => name.clone_into(known),
                        None if from == self.name => self.moved.push(name.to_owned()),
                        None => {}
                    }
                }
            }
            has_changed
        }

        pub(super) fn moved(&self) -> Vec<PathBuf> {
            self.moved.iter().map(|name| self.directory.join(name)).collect()
        }

        pub(super) fn forget(&mut self) {
            self.moved.clear();
        }

        pub(super) fn wait(&self, timeout: Duration) {
            let mut events = [PollFd::new(&self.events, PollFlags::IN)];
            // An interrupted wait is a shorter one.
            let _ = poll(&mut events, Timespec::try_from(timeout).ok().as_ref());
        }
    }
}

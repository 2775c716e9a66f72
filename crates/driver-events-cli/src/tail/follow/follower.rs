use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::open_file::{FileKey, Growth, Item, OpenFile, key_of};
use super::renames::Renames;
use crate::report::{Report, with_causes};

/// Interval between looks at files that do not grow.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Time without growth after which a renamed or deleted file is closed. Its writer may keep it open for long after a
/// rotation.
const MAX_QUIET: Duration = Duration::from_secs(60);

/// Maximum number of open files. A path that is replaced faster loses the late lines of the oldest file.
const MAX_FILES: usize = 32;

/// Maximum number of attempts to open files between renames.
const MAX_ATTEMPTS: u32 = 100;

/// Reads the file at a path and the files that were there before, until their writers have left them.
pub(super) struct Follower {
    path: PathBuf,
    name: Arc<str>,
    /// In the order of their appearance. The last one is, or was, at the path.
    files: Vec<OpenFile>,
    renames: Renames,
    deliveries: Sender<Item>,
    report: Report,
    /// Whether the failure to open or read was reported. Reset by success.
    is_failure_reported: bool,
}

impl Follower {
    /// Opens the file at the path, which must exist.
    pub(super) fn open(path: &Path, deliveries: Sender<Item>, report: Report) -> io::Result<Self> {
        let name: Arc<str> = path.to_string_lossy().into();
        // First: a file that is moved from now on is found.
        let renames = Renames::of(path);
        Ok(Self {
            renames,
            files: vec![OpenFile::open(path, Arc::clone(&name))?],
            name,
            path: path.to_owned(),
            deliveries,
            report,
            is_failure_reported: false,
        })
    }

    /// Follows the path until the receiver of the deliveries is dropped.
    pub(super) fn run(mut self) {
        while !self.deliveries.is_closed() {
            let looked = self.look();
            let has_grown = *looked.as_ref().unwrap_or(&false);
            self.report_failure(looked.err());
            if !has_grown {
                self.renames.wait(LOOK_INTERVAL);
            }
        }
    }

    /// Reads what was appended to any file. Returns whether there was something.
    fn look(&mut self) -> io::Result<bool> {
        let opened = self.open_new_files();
        // A writer leaves a file before it writes to the next. So lines of an older file that precede those up to the
        // measured length of a newer one are there once the newer one is measured.
        let mut result = self.files.iter_mut().rev().try_for_each(OpenFile::measure);
        let mut has_grown = false;
        for file in &mut self.files {
            match file.read(&mut |item| self.deliveries.blocking_send(item).is_ok()) {
                Ok(Growth::None) => {}
                Ok(Growth::Grown) => has_grown = true,
                Ok(Growth::Truncated) => {
                    has_grown = true;
                    let name = &self.name;
                    self.report
                        .warning(format_args!("`{name}` was truncated: reading from the start"));
                }
                Err(error) => result = Err(error),
            }
        }
        self.close_quiet_files();
        opened.and(result).map(|()| has_grown)
    }

    /// Opens the file at the path if it is another one, and before it files that were there since the last look.
    fn open_new_files(&mut self) -> io::Result<()> {
        self.renames.update();
        let mut attempts = 0;
        let (moved, current) = loop {
            let moved: Vec<_> = self.renames.moved().iter().map(|path| self.open_if_new(path)).collect();
            let current = self.open_if_new(&self.path);
            attempts += 1;
            // Files that were renamed meanwhile may have been missed.
            if !self.renames.update() || attempts == MAX_ATTEMPTS {
                break (moved, current);
            }
        };
        self.renames.forget();
        // A moved file may be gone or unreadable.
        for file in moved.into_iter().flatten().flatten() {
            self.add(file);
        }
        match current {
            Ok(Some(file)) => self.add(file),
            Ok(None) => self.put_current_last(),
            // The file was moved and its replacement does not exist yet.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Opens the file at `path` unless it is open.
    fn open_if_new(&self, path: &Path) -> io::Result<Option<OpenFile>> {
        if self.is_open(key_of(&fs::metadata(path)?)) {
            return Ok(None);
        }
        OpenFile::open(path, Arc::clone(&self.name)).map(Some)
    }

    fn is_open(&self, key: FileKey) -> bool {
        self.files.iter().any(|file| file.key() == key)
    }

    fn add(&mut self, file: OpenFile) {
        // Two paths may lead to one file.
        if self.is_open(file.key()) {
            return;
        }
        self.files.iter_mut().for_each(OpenFile::start_quiet);
        self.files.push(file);
        let name = &self.name;
        self.report
            .warning(format_args!("`{name}` was replaced: reading from the start"));
    }

    /// Makes a file the last one that was moved away and back.
    fn put_current_last(&mut self) {
        let current = fs::metadata(&self.path).ok().map(|metadata| key_of(&metadata));
        let known = self.files.iter().position(|file| Some(file.key()) == current);
        if let Some(known) = known.filter(|known| known + 1 < self.files.len()) {
            let file = self.files.remove(known);
            self.files.push(file);
        }
    }

    fn close_quiet_files(&mut self) {
        let mut older = self.files.len().saturating_sub(1);
        let mut excess = self.files.len().saturating_sub(MAX_FILES);
        let deliveries = &self.deliveries;
        self.files.retain_mut(|file| {
            let is_current = older == 0;
            older = older.saturating_sub(1);
            if is_current || (excess == 0 && file.quiet() < MAX_QUIET) {
                return true;
            }
            excess = excess.saturating_sub(1);
            file.finish(&mut |item| deliveries.blocking_send(item).is_ok());
            false
        });
    }

    /// Reports the first of consecutive failures. The file may become readable, or be replaced.
    fn report_failure(&mut self, failure: Option<io::Error>) {
        let was_reported = std::mem::replace(&mut self.is_failure_reported, failure.is_some());
        if let Some(error) = failure.filter(|_| !was_reported) {
            let name = &self.name;
            let reason = with_causes(&error);
            self.report
                .warning(format_args!("cannot read `{name}`: {reason}; retrying"));
        }
    }
}
